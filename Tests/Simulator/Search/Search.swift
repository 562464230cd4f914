import Core
import Raft

/// A breadth-first search through everything that can happen within the bounds, without the same state twice. Deterministic: the same bounds
/// visit the same states in the same order.
package struct Search {
    /// What a search found.
    package struct Result: Sendable {
        package var states = 0
        /// Transitions tried: states reached again are among them.
        package var transitions = 0
        /// Events of the longest path.
        package var depth = 0
        /// Nothing is left within the bounds, or to the depth.
        package var isComplete = false
        /// Of the shortest path there is to a violation.
        package var violation: String?
        package var path: [SearchChoice] = []
        /// States first reached at each depth.
        package var widths: [Int] = []
    }

    let bounds: SearchBounds
    private var seen = Set<Fingerprint>()
    /// For each state in the order of its finding: where it was reached from, and how. For the path to a violation.
    private var steps: [(parent: Int32, choice: SearchChoice)] = []

    package init(_ bounds: SearchBounds) { self.bounds = bounds }

    /// Searches from a new cluster. `progress` is told depth and states after each level.
    package mutating func run(progress: (_ depth: Int, _ states: Int, _ frontier: Int) -> Void = { _, _, _ in }) -> Result {
        var result = Result()
        let root = SearchWorld(bounds)
        seen.insert(root.fingerprint)
        steps = [(-1, .restart(node: 0))]
        var frontier: [(world: SearchWorld, step: Int32)] = [(root, 0)]
        result.widths = [1]
        while !frontier.isEmpty, result.depth < bounds.depth {
            var next: [(world: SearchWorld, step: Int32)] = []
            for (world, step) in frontier {
                for choice in world.choices {
                    var child = world
                    child.happen(choice)
                    result.transitions += 1
                    guard seen.insert(child.fingerprint).inserted else { continue }
                    steps.append((step, choice))
                    if let violation = child.violation {
                        result.violation = violation
                        result.path = path(to: steps.count - 1)
                        result.states = seen.count
                        result.depth += 1
                        return result
                    }
                    next.append((child, Int32(steps.count - 1)))
                }
                if seen.count > bounds.statesMax {
                    result.states = seen.count
                    return result
                }
            }
            result.depth += 1
            result.widths.append(next.count)
            progress(result.depth, seen.count, next.count)
            frontier = next
        }
        result.states = seen.count
        result.isComplete = true
        return result
    }

    private func path(to step: Int) -> [SearchChoice] {
        var path: [SearchChoice] = []
        var at = step
        while steps[at].parent >= 0 {
            path.append(steps[at].choice)
            at = Int(steps[at].parent)
        }
        return path.reversed()
    }
}

/// What a rig did and found. Figures of shares add up.
package struct Figures: Sendable, CustomStringConvertible {
    /// Runs ended by a fault at one call, those of a recovery included.
    package var points = 0
    /// States of a disk that were opened and compared with the model.
    package var images = 0
    /// Images that were refused. After damage that is an answer; after a crash it is a violation too.
    package var refusals = 0
    /// Times that a page ended the process that looked at an image.
    package var ends = 0
    /// Images of a state that read soundly, and say of themselves what the other replicas do not: of the refusals.
    package var differing = 0
    /// Images in which a torn tail was found and erased.
    package var tornTails = 0
    /// Each in words, with what repeats it.
    package var violations: [String] = []

    package init() {}

    package static func += (all: inout Figures, share: Figures) {
        all.points += share.points
        all.images += share.images
        all.refusals += share.refusals
        all.ends += share.ends
        all.differing += share.differing
        all.tornTails += share.tornTails
        all.violations += share.violations
    }

    package var description: String {
        let ofStates = differing + ends > 0 ? ", \(differing) of them by comparison alone, \(ends) ends of a process" : ""
        return "\(points) kill points, \(images) images, \(tornTails) torn tails, \(refusals) refusals\(ofStates), \(violations.count) violations"
    }
}

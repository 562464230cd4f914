import Checks
import Core

/// Files of histories, whole and torn, and the search for their orders.
let historyTargets = [
    FuzzTarget(
        name: "history",
        run: { bytes in
            guard let history = try? History(bytes: bytes, name: "file") else { return }
            let verdict = Checker.check(history, stepsMax: 2_000)
            guard Checker.check(history, stepsMax: 2_000) == verdict else { throw FuzzFinding(what: "the same history has two verdicts") }
            _ = verdict.text()
        },
        seeds: {
            [
                """
                {"history":1,"by":"x"}
                {"call":1,"at":1000,"client":3,"session":2,"do":"put","key":"a","value":7,"if":"absent"}
                {"ok":1,"at":2500,"index":55}
                {"call":2,"at":2600,"do":"update","key":"a","value":8,"if":55}
                {"call":3,"at":2700,"do":"read","key":"a","stale":true}
                {"ok":3,"at":2800,"value":8,"modified":56,"index":57,"age":1}
                {"refused":2,"at":3000}
                {"final":"a","at":9000,"value":7,"modified":55}
                {"end":true,"at":9900}

                """
            ].map { Array($0.utf8) }
        })
]

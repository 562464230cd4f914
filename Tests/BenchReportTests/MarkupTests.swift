import Testing

@testable import BenchReport

@Suite struct MarkupTests {
    @Test func whatIsPutInIsEscaped() {
        let name = "<script>alert('x')</script> & \"y\""
        let markup: Markup = "<p title=\"\(name)\">\(name)</p>"
        let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;"
        #expect(markup.text == "<p title=\"\(escaped)\">\(escaped)</p>")
    }

    @Test func markupIsPutInAsItIs() {
        let bold: Markup = "<b>\("a<b")</b>"
        let list: Markup = "<p>\([bold, bold])</p>"
        #expect(list.text == "<p><b>a&lt;b</b><b>a&lt;b</b></p>")
        #expect(([bold, bold].joined(", ")).text == "<b>a&lt;b</b>, <b>a&lt;b</b>")
    }

    @Test func controlsThatHTMLForbidsAreReplaced() {
        #expect(Markup.escaped("a\u{0}b\u{1B}c\td\ne") == "a\u{FFFD}b\u{FFFD}c\td\ne")
    }

    @Test(arguments: [
        (0.0, "0"), (1, "1"), (-1, "-1"), (1.5, "1.5"), (1.25, "1.25"), (1.005001, "1.01"), (-0.001, "0"), (100, "100"), (0.05, "0.05"), (-0.05, "-0.05"),
        (.infinity, "0"), (.nan, "0"), (1e300, "0"),
    ])
    func coordinatesAreShort(value: Double, text: String) {
        #expect(Markup.coordinate(value) == text)
    }
}

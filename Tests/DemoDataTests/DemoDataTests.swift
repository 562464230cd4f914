import Testing

@testable import DemoData

@Suite struct DemoDataTests {
    @Test func theCodeListIsWhole() {
        #expect(AdministrativeUnits.all.count == AdministrativeUnits.count)
        #expect(AdministrativeUnits.units(level: "district", below: "24").count == 10)
        #expect(Set(AdministrativeUnits.all.map(\.code)).count == AdministrativeUnits.count)
    }

    @Test func theSameSeedGivesTheSameHouseholds() {
        #expect(Array(BusinessHouseholds(count: 100)) == Array(BusinessHouseholds(count: 100)))
        #expect(Array(BusinessHouseholds(count: 100)) != Array(BusinessHouseholds(count: 100, seed: 25)))
    }

    @Test func householdsStandInTheCodeListAndHaveKeysOfTheirOwn() {
        let households = Array(BusinessHouseholds(count: 20_000))
        let parents = Dictionary(uniqueKeysWithValues: AdministrativeUnits.all.map { ($0.code, $0.parent) })
        #expect(households.allSatisfy { parents[$0.commune] == $0.district && parents[$0.district] == "24" })
        #expect(Set(households.map(\.taxCode)).count == households.count)
        #expect(households.contains { $0.telephone == nil })
        #expect(households.allSatisfy { $0.taxCode.utf8.count == 10 && $0.personalID.utf8.count == 12 })
    }

    @Test func noTaxCodeHasItsTrueCheckDigit() {
        let weights = [31, 29, 23, 19, 17, 13, 7, 5, 3]
        for household in BusinessHouseholds(count: 2_000) {
            let digits = household.taxCode.utf8.map { Int($0) - 48 }
            let check = 10 - zip(digits, weights).reduce(0) { $0 + $1.0 * $1.1 } % 11
            #expect(check != digits[9], "\(household.taxCode)")
        }
    }

    @Test func datesAreWrittenAsISO8601() {
        let columns = BusinessHouseholds.columns(
            of: .init(
                taxCode: "1", name: "n", district: "d", commune: "c", status: "active", owner: "o", personalID: "p",
                telephone: nil, capital: 5, licenceDay: 19_782))
        #expect(columns.last == "2024-02-29")
    }
}

import Testing

@testable import KhoClient

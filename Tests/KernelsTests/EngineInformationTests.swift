import Kernels
import Testing

@Suite struct EngineInformationTests {
  @Test func versionIsThree() throws {
    try EngineInformation.check()
    #expect(EngineInformation.oneDNNVersion.hasPrefix("3."))
  }

  @Test func instructionSetHasAName() {
    #expect(!EngineInformation.instructionSet.isEmpty)
  }
}

namespace Mooring.Conformance.Tests.Page;

/// <summary>The operator's page: what its script does where the server, or whoever types, is not as quick as it should be.</summary>
public sealed class PageTests
{
    [NodeTheory]
    [InlineData("silent")]
    [InlineData("hasty")]
    [InlineData("percent")]
    [InlineData("namespace")]
    public Task Script(string scenario) => Node.RunAsync("Page/page.mjs", scenario);
}

using Mooring.Operator.Validation;

namespace Mooring.Operator.Tests.Validation;

/// <summary>The table of bad manifests, which the API tests hold against a real API server too.</summary>
public sealed class BadManifestTests
{
    private static readonly string Folder = Repository.PathOf("tests", "common", "BadManifests");

    public static TheoryData<string> Files() => [.. Directory.GetFiles(Folder, "*.yaml").Select(path => Path.GetFileName(path)).Order()];

    [Theory]
    [MemberData(nameof(Files))]
    public void Load_BadManifest_ReportsExactlyTheExpectedFields(string file)
    {
        var text = File.ReadAllText(Path.Combine(Folder, file));
        var expected = Header(text, "# expect: ");
        expected.ShouldNotBeEmpty();
        Header(text, "# refused-by: ").ShouldHaveSingleItem().ShouldBeOneOf("schema", "cel", "operator");

        var loaded = FleetManifest.Load(text);

        loaded.Fleet.ShouldBeNull();
        loaded.Errors.Select(error => error.Path).ShouldBe(expected, ignoreOrder: true);
        loaded.Errors.ShouldAllBe(error => error.Line > 1 && error.Message.Length > 5);
    }

    private static List<string> Header(string text, string prefix) =>
        text.Split('\n').Where(line => line.StartsWith(prefix, StringComparison.Ordinal)).Select(line => line[prefix.Length..]).ToList();
}

using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>Compares with a file of the repository; <c>MOORING_GOLDEN=1</c> writes it instead.</summary>
internal static class Golden
{
    public static async Task MatchesAsync(string name, string actual)
    {
        var file = RepositoryRoot.File("tests", "api", "Reconciliation", "Golden", name);
        if (Environment.GetEnvironmentVariable("MOORING_GOLDEN") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllTextAsync(file, actual);
            return;
        }

        actual.ShouldBe(await File.ReadAllTextAsync(file), $"{file} says otherwise; MOORING_GOLDEN=1 writes it anew");
    }
}

namespace Mooring.Api.Tests.Cluster;

/// <summary>Finds the checkout that the tests were built from: the samples, the CRDs and the built operator are read from there.</summary>
internal static class RepositoryRoot
{
    private static readonly Lazy<string> Found = new(Find);

    public static string Directory => Found.Value;

    public static string File(params string[] parts) => Path.Combine([Directory, .. parts]);

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (System.IO.File.Exists(Path.Combine(folder.FullName, "Operator.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no Operator.sln above {AppContext.BaseDirectory}");
    }
}

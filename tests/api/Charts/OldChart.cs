using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Charts;

/// <summary>The chart as an older release had it: its definition lacks a field.</summary>
internal static class OldChart
{
    /// <summary>The field, right below spec.</summary>
    public const string LaterField = "preset";

    /// <summary>Writes it to the cluster's folder and returns its path.</summary>
    public static string Write(TestCluster cluster)
    {
        var target = cluster.InFolder("old-chart");
        foreach (var file in Directory.GetFiles(Helm.Chart, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(Helm.Chart, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            var text = File.ReadAllText(file);
            File.WriteAllText(copy, file.Contains("/crds/", StringComparison.Ordinal) ? Without(text) : text);
        }

        return target;
    }

    private static string Without(string definition)
    {
        var lines = definition.Split('\n').ToList();
        var first = lines.FindIndex(line => line.Trim() == $"{LaterField}:");
        first.ShouldBeGreaterThan(0);
        var depth = Depth(lines[first]);
        var last = lines.FindIndex(first + 1, line => line.Length > 0 && Depth(line) <= depth);
        lines.RemoveRange(first, last - first);
        return string.Join('\n', lines);
    }

    private static int Depth(string line) => line.Length - line.TrimStart().Length;
}

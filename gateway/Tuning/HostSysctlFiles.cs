using Mooring.Contracts.Tuning;

namespace Mooring.Gateway.Tuning;

/// <summary>What the host's own configuration sets a kernel setting to.</summary>
/// <param name="Value">The last one read, which is what is in force after a boot.</param>
/// <param name="File">Where from, as a path on the host.</param>
internal sealed record HostSetting(string Value, string File);

/// <summary>Reads the host's sysctl.d(5): what an administrator wrote there is not fought.</summary>
internal static class HostSysctlFiles
{
    private const int MaxFiles = 1000;
    private const int MaxLines = 10_000;
    private const long MaxFileBytes = 256 * 1024;

    // sysctl.d(5): the first directory that has a file of a name hides those of the others.
    private static readonly string[] Directories =
    [
        "etc/sysctl.d",
        "run/sysctl.d",
        "usr/local/lib/sysctl.d",
        "usr/lib/sysctl.d",
        "lib/sysctl.d",
    ];

    /// <summary>The settings by name; files that cannot be read are passed over.</summary>
    /// <param name="hostRoot">The host's root directory, such as <c>/proc/1/root</c>.</param>
    public static IReadOnlyDictionary<string, HostSetting> Read(string hostRoot)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var directory in Directories)
        {
            try
            {
                foreach (var file in Directory.EnumerateFiles(Path.Combine(hostRoot, directory), "*.conf").Take(MaxFiles))
                {
                    files.TryAdd(Path.GetFileName(file), $"{directory}/{Path.GetFileName(file)}");
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Most hosts lack some of them.
            }
        }

        var settings = new Dictionary<string, HostSetting>(StringComparer.Ordinal);
        // sysctl(8) --system reads this one last.
        foreach (var file in files.Values.Append("etc/sysctl.conf"))
        {
            foreach (var (name, value) in Parse(ReadFile(Path.Combine(hostRoot, file))))
            {
                settings[name] = new HostSetting(value, "/" + file);
            }
        }

        return settings;
    }

    /// <summary>The settings of one file in their order. What is no setting is passed over, as sysctl(8) does. Pure.</summary>
    internal static IEnumerable<(string Name, string Value)> Parse(string text)
    {
        foreach (var raw in text.Split('\n').Take(MaxLines))
        {
            var line = raw.Trim();
            var equals = line.IndexOf('=');
            if (line.Length == 0 || line[0] is '#' or ';' || equals <= 0)
            {
                continue;
            }

            // A leading '-' only says that errors are to be passed over.
            var name = line[..equals].Trim().TrimStart('-').Trim();
            var value = SysctlValue.Normalize(line[(equals + 1)..]);
            if (name.Length > 0 && value.Length is > 0 and <= SysctlValue.MaxLength)
            {
                yield return (Dotted(name), value);
            }
        }
    }

    // The first separator decides which of the two is the separator: sysctl(8) and sysctl.d(5).
    private static string Dotted(string name)
    {
        var slash = name.IndexOf('/');
        var dot = name.IndexOf('.');
        return slash >= 0 && (dot < 0 || slash < dot) ? name.Replace('.', '\0').Replace('/', '.').Replace('\0', '/') : name;
    }

    private static string ReadFile(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: <= MaxFileBytes } ? File.ReadAllText(path) : "";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}

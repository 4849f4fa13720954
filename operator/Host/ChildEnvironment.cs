using System.Collections;

namespace Mooring.Operator.Host;

/// <summary>The environment that children get: this process's own, the gateway's directory first in PATH, and what tells them who they are.</summary>
internal sealed class ChildEnvironment(string gatewayPath, string mark)
{
    private readonly Dictionary<string, string> _base = Inherited(gatewayPath, mark);

    /// <summary>The environment of one child; later pairs win.</summary>
    public IReadOnlyDictionary<string, string> With(params IEnumerable<KeyValuePair<string, string>> pairs)
    {
        var environment = new Dictionary<string, string>(_base, StringComparer.Ordinal);
        foreach (var (key, value) in pairs)
        {
            environment[key] = value;
        }

        return environment;
    }

    private static Dictionary<string, string> Inherited(string gatewayPath, string mark)
    {
        var environment = Environment
            .GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .ToDictionary(static entry => (string)entry.Key, static entry => (string?)entry.Value ?? "", StringComparer.Ordinal);
        environment["PATH"] =
            $"{Path.GetDirectoryName(Path.GetFullPath(gatewayPath))}:{environment.GetValueOrDefault("PATH", "/usr/bin:/bin")}";
        environment[Processes.Watchdog.Variable] = mark;
        return environment;
    }
}

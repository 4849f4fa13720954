using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Tls;

/// <summary>Kestrel with the runtime of this program.</summary>
internal sealed class KestrelServer() : ServerUnderTest(TlsMetrics.Kestrel)
{
    public override string? Version => Environment.Version.ToString();

    public override string HowToInstall => "comes with the .NET SDK";

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    ) =>
        (
            Self.File,
            [
                .. Self.Arguments,
                "kestrel",
                "--listen",
                .. listeners.Select(listener => $"{ports[listener.Name]},{listener.Tls!.Certificate},{listener.Tls.Key}"),
            ]
        );
}

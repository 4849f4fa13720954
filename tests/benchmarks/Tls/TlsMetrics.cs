using Mooring.Benchmarks.Harness;
using Mooring.Benchmarks.L4;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.Tls;

/// <summary>One measurement of the TLS benchmark.</summary>
/// <param name="Key">What the keys of its metrics begin with.</param>
/// <param name="Listener">Listener whose certificate is used.</param>
internal sealed record TlsStep(string Key, string Listener, LoadKind Kind, LoadTls Tls, int Connections)
{
    /// <summary>Kestrel has no backend that could send bulk.</summary>
    public bool IsFor(string server) => Kind != LoadKind.Bulk || server != TlsMetrics.Kestrel;
}

internal static class TlsMetrics
{
    public const string Kestrel = "kestrel";
    public const string EcListener = "p256";
    public const string RsaListener = "rsa2048";
    public const string BulkListener = "bulk";

    private const int Concurrent = 16;

    public static IReadOnlyList<TlsStep> Steps { get; } =
    [
        new("full", EcListener, LoadKind.Connects, LoadTls.Full, Concurrent),
        new("resumed", EcListener, LoadKind.Connects, LoadTls.Resumed, Concurrent),
        new("rsa", RsaListener, LoadKind.Connects, LoadTls.Full, Concurrent),
        new("bulk", BulkListener, LoadKind.Bulk, LoadTls.Full, 4),
        new("rt-50", EcListener, LoadKind.RoundTrips, LoadTls.Full, 50),
    ];

    // Handshakes per CPU second of at least a factor: CPU per handshake of at most its inverse.
    public static IReadOnlyList<L4Metric> All { get; } =
    [
        new(
            "full/cpu",
            "CPU per 10k TLS 1.3 handshakes, P-256, full",
            "CPU s",
            Goal.All(Goal.Relative(1 / 1.1, L4Metrics.Haproxy), Goal.Relative(1 / 2.5, Kestrel))
        ),
        new("full/p99", "full handshake and one echo: p99", "µs", Goal.NoWorse),
        new(
            "resumed/cpu",
            "CPU per 10k TLS 1.3 handshakes, resumed",
            "CPU s",
            Goal.All(Goal.Relative(1 / 1.1, L4Metrics.Haproxy), Goal.Relative(1 / 2.5, Kestrel))
        ),
        new("resumed/p99", "resumed handshake and one echo: p99", "µs", Goal.NoWorse),
        new("rsa/cpu", "CPU per 10k TLS 1.3 handshakes, RSA-2048, full", "CPU s", Goal.Relative(1, L4Metrics.Haproxy)),
        new("rsa/p99", "RSA-2048 handshake and one echo: p99", "µs", Goal.NoWorse),
        new("bulk/cpu", "CPU per GB to the client", "CPU s", Goal.Relative(1, L4Metrics.Haproxy)),
        new("rt-50/cpu", "round trips of 64 B, 50 conn: CPU per 1M", "CPU s"),
        new("rt-50/p50", "round trips of 64 B, 50 conn: p50", "µs"),
        new("rt-50/p99", "round trips of 64 B, 50 conn: p99", "µs", Goal.NoWorse),
        new(
            "idle/user",
            "user memory per idle TLS connection, 3,000 open",
            "B",
            Goal.All(Goal.Absolute(15 * 1024), Goal.Relative(1, L4Metrics.Haproxy))
        ),
        new("idle/kernel", "kernel slab per idle connection, all sockets, whole machine", "B"),
    ];
}

using Mooring.Contracts.Stream;
using static Mooring.Gateway.Telemetry.MetricKind;

namespace Mooring.Gateway.Telemetry;

/// <summary>The metrics of TLS. What failed with clients is in <c>mooring_gateway_refused_total</c> by reason.</summary>
internal static class TlsMetrics
{
    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        new(
            "mooring_gateway_tls_handshakes_total",
            Counter,
            "TLS handshakes with clients.",
            ["listener", "kind"],
            s => Listeners(s).SelectMany(l => Kinds(l.Tls!, l.Name))
        ),
        new(
            "mooring_gateway_tls_open_handshakes",
            Gauge,
            "Clients whose TLS handshake is under way.",
            ["listener"],
            s => Listeners(s).Select(l => new MetricSample(l.Tls!.OpenHandshakes, l.Name))
        ),
        new(
            "mooring_gateway_tls_waiting_handshakes",
            Gauge,
            "Clients whose ClientHello has not come whole, or waits for its turn.",
            ["listener"],
            s => Listeners(s).Select(l => new MetricSample(l.Tls!.WaitingHandshakes, l.Name))
        ),
        new(
            "mooring_gateway_tls_ciphers_total",
            Counter,
            "TLS handshakes with clients by what they ended in.",
            ["listener", "version", "cipher"],
            s =>
                Listeners(s)
                    .SelectMany(l =>
                        l.Tls!.HandshakesByCipher.Select(c => new MetricSample(c.HandshakesTotal, l.Name, c.Version, c.Cipher))
                    )
        ),
        new(
            "mooring_gateway_tls_unknown_server_names_total",
            Counter,
            "Clients that named a server that no certificate has, and got the first certificate.",
            ["listener"],
            s => Listeners(s).Select(l => new MetricSample(l.Tls!.UnknownServerNamesTotal, l.Name))
        ),
        new(
            "mooring_gateway_tls_backend_handshakes_total",
            Counter,
            "TLS handshakes with backends.",
            ["backend", "kind"],
            s => s.Report.Backends.Where(b => b.Tls is not null).SelectMany(b => Kinds(b.Tls!, b.Name))
        ),
        new(
            "mooring_gateway_tls_certificate_expiry_timestamp_seconds",
            Gauge,
            "Unix time at which a certificate in force expires.",
            ["certificate"],
            s => s.CertificateExpiries.Select(c => new MetricSample(c.Value.ToUnixTimeSeconds(), c.Key))
        ),
        new(
            "mooring_gateway_tls_revocation_list_expiry_timestamp_seconds",
            Gauge,
            "Unix time at which a certificate revocation list in force expires: from then on no client certificate is taken.",
            ["list"],
            s => s.RevocationExpiries.Select(c => new MetricSample(c.Value.ToUnixTimeSeconds(), c.Key))
        ),
        new(
            "mooring_gateway_tls_file_problems",
            Gauge,
            "Certificates, CAs and revocation lists whose files are no good, while their last good content serves on, or have expired.",
            [],
            s => s.CertificateExpiries.Count > 0 || s.Report.Problems.Count > 0 ? [new(s.Report.Problems.Count)] : []
        ),
    ];

    private static IEnumerable<ListenerLoad> Listeners(MetricSource source) => source.Report.Listeners.Where(l => l.Tls is not null);

    private static IEnumerable<MetricSample> Kinds(TlsLoad load, string name) =>
        [
            new(load.FullHandshakesTotal, name, "full"),
            new(load.ResumedHandshakesTotal, name, "resumed"),
            new(load.FailedHandshakesTotal, name, "failed"),
        ];
}

using System.Net;

namespace Mooring.Operator.Run;

/// <summary>How <c>operator run</c> was started. Immutable.</summary>
internal sealed record RunOptions
{
    /// <summary>Path of a kubeconfig; null: KUBECONFIG, then <c>~/.kube/config</c>, then the pod's own account.</summary>
    public string? Kubeconfig { get; init; }

    public string? Context { get; init; }

    /// <summary>Namespaces whose fleets are reconciled. Empty: all.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>The operator's own namespace: Lease, certificates, its pod. Null: that of the kubeconfig or the pod.</summary>
    public string? OwnNamespace { get; init; }

    /// <summary>The operator's own pod; null outside of one.</summary>
    public string? PodName { get; init; }

    /// <summary>Where health is served, in the clear.</summary>
    public required IPEndPoint Http { get; init; }

    /// <summary>Where the admin API, the page and metrics are served (TLS), to those that have the right; null: nowhere.</summary>
    public IPEndPoint? Admin { get; init; }

    /// <summary>Metrics are served to everybody, beside health too.</summary>
    public bool OpenMetrics { get; init; }

    /// <summary>Where the gateways' stream is served; null: not at all.</summary>
    public IPEndPoint? Stream { get; init; }

    /// <summary>Name of the Service before the stream; gateways dial it.</summary>
    public string StreamService { get; init; } = "mooring-stream";

    /// <summary>What gateways dial instead of the Service; null: the Service.</summary>
    public Uri? StreamUrl { get; init; }

    /// <summary>Where external.metrics.k8s.io is served; null: not at all.</summary>
    public IPEndPoint? MetricsApi { get; init; }

    /// <summary>Image of gateways whose fleet names none.</summary>
    public required string GatewayImage { get; init; }

    public bool LeaderElect { get; init; } = true;

    public string LeaseName { get; init; } = "mooring-operator";

    /// <summary>Fleets in work at once.</summary>
    public int Workers { get; init; } = 4;

    /// <summary>Requests a second to the API server in the long run.</summary>
    public double QueriesPerSecond { get; init; } = 400;

    /// <summary>Where traces of the reconciles go (OTLP); null: as the environment says, else nowhere.</summary>
    public Uri? OtlpEndpoint { get; init; }

    /// <summary>Share of the reconciles that are traced: 0 to 1.</summary>
    public double TraceRatio { get; init; } = 1;

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public bool LogJson { get; init; }
}

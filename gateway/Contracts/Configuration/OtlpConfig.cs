namespace Mooring.Contracts.Configuration;

/// <summary>Where a gateway sends its metrics, by OTLP.</summary>
public sealed record OtlpConfig
{
    public const int MaxEndpoint = 512;

    /// <summary>An http or https URL of at most <see cref="MaxEndpoint"/> characters. Port 4317: gRPC; any other: HTTP with protobuf, to <c>/v1/metrics</c> below it.</summary>
    public required string Endpoint { get; init; }
}

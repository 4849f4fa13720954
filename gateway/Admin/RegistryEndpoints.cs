using System.Text.Json;
using System.Text.Json.Serialization;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Registry;

namespace Mooring.Gateway.Admin;

/// <summary>The registry's figures as JSON: what this gateway knows of the fleet, which may be as old as the answer's <c>ageSeconds</c>.</summary>
internal static class RegistryEndpoints
{
    public static void Map(WebApplication app, IGatewayView view)
    {
        app.MapGet(
            "/api/v1/registry",
            context =>
                AdminServer.WriteAsync(
                    context,
                    view.Registry,
                    static registry => JsonSerializer.SerializeToUtf8Bytes(State(registry), RegistryJson.Default.RegistryStateAnswer)
                )
        );
        app.MapGet(
            "/api/v1/registry/stats",
            context =>
                AdminServer.WriteAsync(
                    context,
                    view.Registry,
                    static registry =>
                        JsonSerializer.SerializeToUtf8Bytes(FleetFigures.Stats(registry.Gateways), RegistryJson.Default.FleetStats)
                )
        );
        app.MapGet(
            "/api/v1/registry/capacity",
            context =>
                AdminServer.WriteAsync(
                    context,
                    view.Registry,
                    static registry =>
                        JsonSerializer.SerializeToUtf8Bytes(
                            FleetFigures.Capacity(registry.Gateways, registry.ReservedPercent, registry.TotalBandwidth),
                            RegistryJson.Default.CapacityAnswer
                        )
                )
        );
        app.MapGet(
            "/api/v1/registry/best",
            context =>
                AdminServer.WriteAsync(
                    context,
                    view.Registry is { } registry ? ServerChoice.Best(registry.Gateways, Random.Shared.NextDouble) : null,
                    static best =>
                        JsonSerializer.SerializeToUtf8Bytes(FleetFigures.Stats([best]).Servers[0], RegistryJson.Default.ServerStats)
                )
        );
    }

    private static RegistryStateAnswer State(RegistryView registry) =>
        new(
            registry.IsShared ? "redis" : "memory",
            registry.Problem is null,
            registry.Problem,
            registry.Breaker,
            registry.Gateway.Name,
            registry.Gateway.Generation,
            registry.Age?.TotalSeconds,
            registry.Lease is { } lease
                ? new LeaseAnswerJson(lease.Total, lease.Granted, lease.Others, lease.Afterwards, lease.IsShared)
                : null
        );
}

/// <param name="Kind"><c>redis</c> or <c>memory</c>.</param>
/// <param name="Connected">False: the gateway works on its own at present.</param>
/// <param name="Problem">Why.</param>
/// <param name="Breaker">State of the breaker before Redis.</param>
/// <param name="Gateway">This gateway's name.</param>
/// <param name="Generation">Its generation; 0: it is not registered.</param>
/// <param name="AgeSeconds">Age of what is known of the others; null: nothing is.</param>
/// <param name="Lease">Its share of the fleet's limit; null: there is none.</param>
internal sealed record RegistryStateAnswer(
    string Kind,
    bool Connected,
    string? Problem,
    BreakerState Breaker,
    string Gateway,
    long Generation,
    double? AgeSeconds,
    LeaseAnswerJson? Lease
);

/// <param name="Total">The fleet's limit.</param>
/// <param name="Granted">Connections that this gateway may have.</param>
/// <param name="Others">What others hold, by the last answer.</param>
/// <param name="Afterwards">Connections it may have once the lease is over.</param>
/// <param name="Shared">Leased; else divided evenly.</param>
internal sealed record LeaseAnswerJson(int Total, int Granted, int Others, int Afterwards, bool Shared);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true
)]
[JsonSerializable(typeof(RegistryStateAnswer))]
[JsonSerializable(typeof(FleetStats))]
[JsonSerializable(typeof(CapacityAnswer))]
[JsonSerializable(typeof(ServerStats))]
[JsonSerializable(typeof(GatewayState))]
internal sealed partial class RegistryJson : JsonSerializerContext;

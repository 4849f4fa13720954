using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Telemetry;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>What a config in force has kept in the registry.</summary>
public sealed class RegistryServiceTests(SharedRedis redis) : IClassFixture<SharedRedis>
{
    private static readonly WebSocketListenerConfig Hub = new()
    {
        Mode = WebSocketMode.Hub,
        Hub = new HubConfig { Anonymous = true },
    };

    private static readonly WebSocketListenerConfig Telling = new()
    {
        Identity = new WebSocketIdentityConfig
        {
            User = new RequestValueConfig { From = RequestValueSource.Header, Name = "x-user" },
        },
    };

    [Fact]
    public async Task Apply_UsersAreCountedOverTheFleet_WhereAListenerKnowsThem()
    {
        var table = new IdentityTable();
        await using var sink = new LogSink(Stream.Null);
        await using var service = new RegistryService(
            new FleetShare(),
            () => new GatewayRecord { Name = "here", State = GatewayState.Serving },
            RegistryEnvironment.None,
            new GatewayLog(sink, default, TimeProvider.System),
            TimeProvider.System
        )
        {
            Identities = table,
        };
        var perUser = new CapacityConfig { PerUser = 2 };
        var perDevice = new CapacityConfig { PerDevice = 2 };

        (await CountsAsync(perUser, Hub)).ShouldBeTrue("a Hub knows users by their tokens");
        (await CountsAsync(perDevice, Hub)).ShouldBeFalse("it knows no devices");
        (await CountsAsync(perUser, Telling)).ShouldBeTrue();
        (await CountsAsync(perDevice, Telling)).ShouldBeTrue();
        (await CountsAsync(perUser, new WebSocketListenerConfig())).ShouldBeFalse("nobody is told apart");
        (await CountsAsync(new CapacityConfig(), Hub)).ShouldBeFalse("nobody is limited");

        async Task<bool> CountsAsync(CapacityConfig capacity, WebSocketListenerConfig listener)
        {
            await service.ApplyAsync(
                new GatewayConfig
                {
                    Fleet = "default/counts",
                    Capacity = capacity,
                    Registry = new RegistryConfig { Redis = new RedisConfig { Addresses = [$"127.0.0.1:{redis.Server.Port}"] } },
                    Listeners =
                    [
                        new ListenerConfig
                        {
                            Name = "live",
                            Protocol = ListenerProtocol.WebSocket,
                            Port = 9000,
                            WebSocket = listener,
                        },
                    ],
                }
            );
            return table.Fleet is not null;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Apply_GatewayIsCordoned_HasPlacesInHandWhereVisitorsOfTunnelsAreTaken(bool hasTunnels)
    {
        var share = new FleetShare();
        await using var sink = new LogSink(Stream.Null);
        await using var service = new RegistryService(
            share,
            () =>
                new GatewayRecord
                {
                    Name = "here",
                    State = GatewayState.Cordoned,
                    Load = 5,
                },
            RegistryEnvironment.None,
            new GatewayLog(sink, default, TimeProvider.System),
            TimeProvider.System
        )
        {
            HasTunnels = () => hasTunnels,
        };
        await service.ApplyAsync(
            new GatewayConfig
            {
                Fleet = $"default/cordoned-{hasTunnels}",
                Capacity = new CapacityConfig
                {
                    Fleet = new FleetCapacityConfig { Connections = 1600, Gateways = 2 },
                },
                Registry = new RegistryConfig { Redis = new RedisConfig { Addresses = [$"127.0.0.1:{redis.Server.Port}"] } },
            }
        );

        await Until.TrueAsync(() => service.View()?.Lease is { ValidUntil: > 0 }, TimeSpan.FromSeconds(10), "it has a lease");
        var held = service.View()!.Lease!.Granted;
        (held > 5).ShouldBe(hasTunnels, $"it has {held}");
    }
}

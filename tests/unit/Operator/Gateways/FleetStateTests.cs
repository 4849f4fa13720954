using System.Net.WebSockets;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Tests.Gateways;

public sealed class FleetStateTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void Departed_BeyondTheNewestThousand_AreForgottenWithTheirOrders()
    {
        var state = new FleetState();
        using var socket = WebSocket.CreateFromStream(Stream.Null, new WebSocketCreationOptions { IsServer = true });
        for (var i = 0; i < 1200; i++)
        {
            var session = Session(socket, $"g{i}");
            state.Join(session, Now.AddSeconds(i));
            state.Direct($"g{i}", Cordon, default, Now).ShouldBeTrue();
            state.Leave(session, Now.AddSeconds(i)).ShouldBeTrue();
        }

        state.View("shop/web", Now.AddDays(1)).Departed.Count.ShouldBe(1000);
        state.Directives.Count.ShouldBe(1000);
        state.Directives.ShouldNotContainKey("g0");
        state.Directives.ShouldContainKey("g1199");
    }

    private static DirectiveMessage Cordon =>
        new()
        {
            Kind = DirectiveKind.Cordon,
            Epoch = 1,
            Sequence = 1,
        };

    private static GatewaySession Session(WebSocket socket, string name) =>
        new(
            socket,
            new HelloMessage
            {
                Fleet = "shop/web",
                Gateway = name,
                Version = "1",
            },
            new GatewayHub(TimeProvider.System),
            new StreamOptions(),
            TimeProvider.System,
            NullLogger.Instance
        );
}

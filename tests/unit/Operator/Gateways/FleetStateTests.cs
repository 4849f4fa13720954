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

    /// <summary>What gateways report are totals; a rate is of two reports, and the last few seconds' where a gateway had nothing to tell for longer.</summary>
    [Fact]
    public void Rates_FollowFromTwoReports()
    {
        var state = new FleetState();
        using var socket = WebSocket.CreateFromStream(Stream.Null, new WebSocketCreationOptions { IsServer = true });
        var session = Session(socket, "g");
        state.Join(session, Now);

        Told(0, cpu: 100, messages: 1000).ShouldBeNull("one report is no rate");
        Told(10, 102, 1500).ShouldBe(new GatewayRates(20, 50));
        // At once, on a big change.
        Told(11, 112, 9000).ShouldBe(new GatewayRates(20, 50));
        Told(20, 110, 4500).ShouldBe(new GatewayRates(80, 300));
        // Quiet for a turn: messages came after that, and this little CPU time was the whole time's.
        Told(40, 110.25, 5500).ShouldBe(new GatewayRates(1.25, 100));
        // So much was not.
        Told(60, 114.25, 5500).ShouldBe(new GatewayRates(40, 0));
        // A listener less: fewer messages in all.
        Told(70, 115.25, 500).ShouldBe(new GatewayRates(10, 0));
        // Its process is another.
        Told(80, 1, 100).ShouldBeNull();
        Told(90, 3, 200).ShouldBe(new GatewayRates(20, 10));
        // The clock was set back.
        Told(50, 4, 300).ShouldBeNull();
        Told(60, 5, 400).ShouldBe(new GatewayRates(10, 10));

        GatewayRates? Told(int second, double cpu, long messages)
        {
            var now = Now.AddSeconds(second);
            var report = new ReportMessage
            {
                State = GatewayState.Serving,
                Connections = 1,
                Capacity = 10,
                CpuSeconds = cpu,
                Listeners =
                [
                    new ListenerLoad { Name = "a", MessagesTotal = messages / 4 },
                    new ListenerLoad { Name = "b", MessagesTotal = messages - (messages / 4) },
                ],
            };
            state.Note(session, report, now, TimeProvider.System).ShouldNotBeNull();
            return state.View("shop/web", now).Gateways.ShouldHaveSingleItem().Rates;
        }
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

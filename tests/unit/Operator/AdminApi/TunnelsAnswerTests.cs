using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Mooring.Contracts.Stream;
using Mooring.Operator.AdminApi;

namespace Mooring.Operator.Tests.AdminApi;

public sealed class TunnelsAnswerTests
{
    private static readonly DateTimeOffset At = DateTimeOffset.UnixEpoch;

    /// <summary>Two open tunnels, one of them degraded, one whose client is gone, and two that have ended.</summary>
    internal static TunnelsLoad Load(string gateway) =>
        new()
        {
            Open = 203,
            Capacity = 500,
            OpenedTotal = 210,
            States = new Dictionary<TunnelState, int>
            {
                [TunnelState.Connected] = 201,
                [TunnelState.Degraded] = 1,
                [TunnelState.Detached] = 1,
            },
            EndedTotal = new Dictionary<TunnelState, long> { [TunnelState.TimedOut] = 1, [TunnelState.Closed] = 6 },
            RefusedTotal = new Dictionary<string, long> { ["tenant_tunnels"] = 4, ["port_taken"] = 2 },
            Tenants =
            [
                new TunnelTenantLoad
                {
                    Listener = "bore",
                    Tenant = "acme",
                    Tunnels = 3,
                    Visitors = 7,
                },
            ],
            Tunnels =
            [
                Tunnel(gateway, "bore-00000a", "acme", TunnelState.Connected),
                Tunnel(gateway, "bore-00000b", "", TunnelState.Degraded),
                Tunnel(gateway, "bore-00000c", "", TunnelState.Detached),
                Tunnel(gateway, "bore-00000d", "acme", TunnelState.TimedOut),
                Tunnel(gateway, "bore-00000e", "", TunnelState.Closed),
            ],
        };

    [Fact]
    public void Figures_TogetherMoreThanAnIntHolds_AreAnswered()
    {
        var fleet = FakeAdministration.MakeFleet();
        var load = new TunnelsLoad
        {
            Open = int.MaxValue,
            Tenants =
            [
                new TunnelTenantLoad
                {
                    Listener = "bore",
                    Tenant = "acme",
                    Tunnels = int.MaxValue,
                    Visitors = int.MaxValue,
                },
            ],
        };
        var gateway = fleet.View.Gateways.First(static gateway => gateway.Report is not null);
        gateway = gateway with { Report = gateway.Report! with { Tunnels = load } };
        var answer = TunnelsAnswer.Of(fleet.View with { Gateways = [gateway, gateway] }, Query());
        (answer.Open, answer.NotDescribed).ShouldBe((4294967294L, 4294967294L));
        answer.Tenants.ShouldBe([new TunnelTenantFigures("bore", "acme", 4294967294L, 4294967294L)]);
    }

    [Fact]
    public void Figures_AreOfAllGateways_AndOfThoseThatDrainNoRoom()
    {
        var fleet = FakeAdministration.MakeFleet();
        var answer = TunnelsAnswer.Of(
            fleet.View with
            {
                Gateways =
                [
                    .. fleet.View.Gateways.Select(static gateway =>
                        gateway.Report is null ? gateway : gateway with { Report = gateway.Report with { Tunnels = Load(gateway.Name) } }
                    ),
                ],
            },
            Query()
        );
        // The third drains: what it carries counts, and nobody opens anything there.
        (answer.Open, answer.Capacity, answer.OpenedTotal, answer.NotDescribed).ShouldBe((609L, 1000L, 630L, 600L));
        answer.States.ShouldBe(
            new Dictionary<string, long>
            {
                ["Connected"] = 603,
                ["Degraded"] = 3,
                ["Detached"] = 3,
            }
        );
        answer.EndedTotal.ShouldBe(new Dictionary<string, long> { ["Closed"] = 18, ["TimedOut"] = 3 });
        answer.RefusedTotal.ShouldBe(new Dictionary<string, long> { ["port_taken"] = 6, ["tenant_tunnels"] = 12 });
        answer.Tenants.ShouldBe([new TunnelTenantFigures("bore", "acme", 9, 21)]);
        answer.Tunnels.Count.ShouldBe(15);
        var first = answer.Tunnels[0];
        (first.Id, first.Gateway, first.Visitors, first.ReceivedBytesTotal, first.SentBytesTotal).ShouldBe(
            ("g-0/bore-00000a", "g-0", 2, 1000L, 2000L)
        );
        first.Ports.ShouldBe(["tcp:20017"]);
        first.History.ShouldBe([new TunnelHistory(At, TunnelState.Connected, "why")]);
    }

    [Fact]
    public void Pages_OneAfterTheOther_HaveEachTunnelOnce()
    {
        var view = FakeAdministration.MakeFleet().View;
        var seen = new List<string>();
        string? after = null;
        do
        {
            var page = TunnelsAnswer.Of(view, Query() with { Limit = 2, After = after });
            page.Tunnels.Count.ShouldBeLessThanOrEqualTo(2);
            seen.AddRange(page.Tunnels.Select(static tunnel => tunnel.Name));
            after = page.Next;
        } while (after is not null);

        seen.ShouldBe(["bore-00000a", "bore-00000b", "bore-00000c", "bore-00000d", "bore-00000e"]);
        TunnelsAnswer.Of(view, Query() with { Limit = 5 }).Next.ShouldBeNull();
    }

    [Fact]
    public void Filters()
    {
        var view = FakeAdministration.MakeFleet().View;
        TunnelsAnswer.Of(view, Query() with { State = TunnelState.Detached }).Tunnels.ShouldHaveSingleItem().Name.ShouldBe("bore-00000c");
        TunnelsAnswer.Of(view, Query() with { Tenant = "acme" }).Tunnels.Count.ShouldBe(2);
        TunnelsAnswer.Of(view, Query() with { Tenant = "" }).Tunnels.Count.ShouldBe(3);
        TunnelsAnswer.Of(view with { Gateways = [] }, Query()).Open.ShouldBe(0);
    }

    [Theory]
    [InlineData("limit", "0")]
    [InlineData("limit", "501")]
    [InlineData("limit", "-1")]
    [InlineData("limit", "many")]
    [InlineData("limit", "")]
    [InlineData("state", "connected")]
    [InlineData("state", "0")]
    [InlineData("after", null)]
    public void BadQuery_NamesTheField(string field, string? value)
    {
        var text = value ?? new string('a', 513);
        var outcome = TunnelQuery.Read(new QueryCollection(new Dictionary<string, StringValues> { [field] = text }));
        outcome.Succeeded.ShouldBeFalse();
        outcome.Problem!.Status.ShouldBe(400);
        outcome.Problem.Errors.ShouldHaveSingleItem().Field.ShouldBe(field);
    }

    [Fact]
    public async Task Endpoint_AnswersAndRefuses()
    {
        await using var server = await AdminServer.StartAsync();
        var answer = JsonNode.Parse(await server.Http.GetStringAsync("/api/v1/fleets/shop/edge/tunnels?state=TimedOut&limit=1"))!;
        ((string)answer["tunnels"]![0]!["state"]!).ShouldBe("TimedOut");
        ((string)answer["tunnels"]![0]!["history"]![0]!["reason"]!).ShouldBe("why");
        using var bad = await server.Http.GetAsync("/api/v1/fleets/shop/edge/tunnels?limit=1000");
        ((int)bad.StatusCode).ShouldBe(400);
        (await bad.Content.ReadAsStringAsync()).ShouldContain("\"field\":\"limit\"");
    }

    private static TunnelQuery Query() => TunnelQuery.Read(new QueryCollection()).Value!;

    private static TunnelLoad Tunnel(string gateway, string name, string tenant, TunnelState state) =>
        new()
        {
            Name = name,
            Listener = "bore",
            Tenant = tenant,
            Client = $"10.0.0.{gateway.Length}",
            Ports = ["tcp:20017"],
            State = state,
            Since = At,
            Opened = At,
            Visitors = 2,
            VisitorsTotal = 20,
            ReceivedBytesTotal = 1000,
            SentBytesTotal = 2000,
            History =
            [
                new TunnelMoment
                {
                    At = At,
                    State = TunnelState.Connected,
                    Reason = "why",
                },
            ],
        };
}

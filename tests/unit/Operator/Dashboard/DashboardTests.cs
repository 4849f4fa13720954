using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Tests.Dashboard;

public sealed class DashboardTests
{
    private const string Hostile = "</script><img src=x onerror=alert(1)>";
    private static readonly ConnectionFleet Fleet = new()
    {
        Metadata = new()
        {
            Name = "edge",
            Namespace = "shop",
            CreationTimestamp = DateTimeOffset.UnixEpoch,
        },
        Status = new FleetStatus
        {
            Phase = "Ready",
            Gateways = new GatewaysStatus { Desired = 2, Ready = 1 },
            Connections = new ConnectionsStatus { Current = 7, Capacity = 70 },
            Config = new ConfigStatus { Hash = "h0", Acked = "1/2" },
        },
    };

    private static readonly GatewayConfig Config = new()
    {
        Fleet = "shop/edge",
        Listeners =
        [
            new ListenerConfig
            {
                Name = "a",
                Protocol = ListenerProtocol.TCP,
                Port = 443,
                Backend = "b",
            },
        ],
        Backends = [new BackendConfig { Name = "b" }],
    };

    [Fact]
    public void Of_GatewaysSpeak_SumsWhatTheySay()
    {
        var overview = FleetOverviews.Of(Fleet, Config, View());
        (overview.Namespace, overview.Name, overview.Connections, overview.Capacity).ShouldBe(("shop", "edge", 30, 400));
        overview.UtilizationPercent.ShouldBe(7);
        overview.ConfigAcked.ShouldBe("2/2");
        overview.Listeners.ShouldBe([new ListenerOverview("a", "TCP", 443, "b", 30, 60, 8)]);
        overview
            .Endpoints.Select(static endpoint => (endpoint.Id, endpoint.Connections, endpoint.State))
            .ShouldBe([("of-old", 4, "Draining"), (Hostile, 30, "Unhealthy")], ignoreOrder: true);
        overview.Gateways.Select(static gateway => gateway.State).ShouldBe(["Serving", "Serving"]);
    }

    [Fact]
    public void Of_Tunnels_SumsGatewaysAndShowsTheNewestOpenOnes()
    {
        var view = View();
        FleetOverviews.Of(Fleet, Config, view).Tunnels.ShouldBeNull("no gateway has a Tunnel listener");
        var tunnels = FleetOverviews
            .Of(Fleet, Config, view with { Gateways = [Tunnelled(view.Gateways[0], 0), Tunnelled(view.Gateways[1], 30)] })
            .Tunnels.ShouldNotBeNull();
        (tunnels.Open, tunnels.Capacity).ShouldBe((50, 200));
        tunnels.States.ShouldBe(new Dictionary<string, long> { ["Connected"] = 48, ["Detached"] = 2 });
        tunnels.Listeners.ShouldBe([new TunnelListenerOverview("bore", 50, 8)]);
        tunnels.Newest.Count.ShouldBe(TunnelsOverview.MaxNewest);
        tunnels
            .Newest[0]
            .ShouldBe(
                new TunnelOverview(
                    "bore-54",
                    "bore",
                    "shop",
                    "tcp:20054 name:x.example",
                    "10.0.0.1",
                    view.Gateways[1].Name,
                    "Connected",
                    DateTimeOffset.UnixEpoch.AddSeconds(54),
                    1
                )
            );
        tunnels.Newest.ShouldNotContain(static tunnel => tunnel.State == "Closed");
    }

    private static GatewayView Tunnelled(GatewayView gateway, int first) =>
        gateway with
        {
            Report = gateway.Report! with
            {
                Tunnels = new TunnelsLoad
                {
                    Open = 25,
                    Capacity = 100,
                    States = new Dictionary<TunnelState, int> { [TunnelState.Connected] = 24, [TunnelState.Detached] = 1 },
                    Tenants =
                    [
                        new TunnelTenantLoad
                        {
                            Listener = "bore",
                            Tenant = "",
                            Tunnels = 5,
                            Visitors = 1,
                        },
                        new TunnelTenantLoad
                        {
                            Listener = "bore",
                            Tenant = "shop",
                            Tunnels = 20,
                            Visitors = 3,
                        },
                    ],
                    Tunnels =
                    [
                        .. Enumerable
                            .Range(first, 26)
                            .Select(i => new TunnelLoad
                            {
                                Name = $"bore-{i}",
                                Listener = "bore",
                                Tenant = "shop",
                                Client = "10.0.0.1",
                                Ports = [$"tcp:{20_000 + i}", "name:x.example"],
                                State = i == first + 25 ? TunnelState.Closed : TunnelState.Connected,
                                Opened = DateTimeOffset.UnixEpoch.AddSeconds(i),
                                Since = DateTimeOffset.UnixEpoch.AddSeconds(i),
                                Visitors = 1,
                            }),
                    ],
                },
            },
        };

    [Fact]
    public void Of_NobodySpeaks_ShowsTheLastStatus()
    {
        var overview = FleetOverviews.Of(Fleet, null, new FleetView { Fleet = "shop/edge", Gateways = [] });
        (overview.Connections, overview.Capacity, overview.ConfigHash, overview.ConfigAcked).ShouldBe((7, 70, "h0", "1/2"));
    }

    [Fact]
    public async Task Map_Page_RunsNothingButItsOwnScript()
    {
        await using var app = await StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        using var answer = await http.GetAsync("/");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        var page = await answer.Content.ReadAsStringAsync();
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        policy.ShouldContain($"script-src '{HashOf(page, "script")}'");
        policy.ShouldContain($"style-src '{HashOf(page, "style")}'");
        policy.ShouldNotContain("unsafe");

        // One script, one style sheet, nothing from elsewhere, no way from a text to markup.
        page.Split("<script").Length.ShouldBe(2);
        page.Split("<style").Length.ShouldBe(2);
        foreach (
            var banned in (string[])
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://", " style=", "onclick"]
        )
        {
            page.ShouldNotContain(banned);
        }
    }

    private static async Task<WebApplication> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        DashboardEndpoints.Map(app);
        await app.StartAsync();
        return app;
    }

    [Fact]
    public void Of_CountsThatDoNotFit_AreCutOff()
    {
        var view = View();
        var most = new Dictionary<string, long> { ["a"] = long.MaxValue, ["b"] = long.MaxValue };
        var load = new ListenerLoad
        {
            Name = "a",
            AcceptedTotal = long.MaxValue,
            RefusedTotal = most,
        };
        view = view with
        {
            Gateways = [.. view.Gateways.Select(gateway => gateway with { Report = gateway.Report! with { Listeners = [load] } })],
        };
        var listener = FleetOverviews.Of(Fleet, Config, view).Listeners.ShouldHaveSingleItem();
        (listener.AcceptedTotal, listener.RefusedTotal).ShouldBe((long.MaxValue, long.MaxValue));
    }

    private static FleetView View() =>
        new()
        {
            Fleet = "shop/edge",
            DesiredHash = "h1",
            Gateways = [Gateway("g0", 10, true), Gateway("g1", 20, false)],
        };

    private static GatewayView Gateway(string name, int connections, bool healthy) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "shop/edge",
                Gateway = name,
                Version = "1",
            },
            ConnectedAt = DateTimeOffset.UnixEpoch,
            SeenAt = DateTimeOffset.UnixEpoch,
            ConfigHash = "h1",
            Report = new ReportMessage
            {
                State = GatewayState.Serving,
                Connections = connections,
                Capacity = 200,
                Listeners =
                [
                    new ListenerLoad
                    {
                        Name = "a",
                        Connections = connections,
                        AcceptedTotal = 30,
                        RefusedTotal = new Dictionary<string, long> { ["capacity"] = 3, ["draining"] = 1 },
                    },
                ],
                Backends =
                [
                    new BackendLoad
                    {
                        Name = "b",
                        Endpoints =
                        [
                            new EndpointLoad
                            {
                                Id = Hostile,
                                Connections = connections,
                                Healthy = healthy,
                            },
                            new EndpointLoad
                            {
                                Id = "of-old",
                                Connections = 2,
                                Gone = true,
                            },
                        ],
                    },
                ],
            },
        };

    private static string HashOf(string page, string element)
    {
        var text = page.Split($"<{element}>")[1].Split($"</{element}>")[0];
        return "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Tests.Telemetry.Geo;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Connections that another loop has accepted than the one of their tunnel.</summary>
public sealed class LoopChangeTests : IDisposable
{
    private const string Request = "GET / HTTP/1.1\r\nHost: shop.tunnels.example\r\n\r\n";
    private readonly string _countries = Path.Combine(Path.GetTempPath(), $"mooring-{Guid.NewGuid():N}.mmdb");

    public LoopChangeTests() => File.WriteAllBytes(_countries, MmdbWriter.Write(("203.0.113.0/24", "CH")));

    public void Dispose() => File.Delete(_countries);

    [Fact]
    public async Task NamedVisitor_StaysItsCountrys_AndKeepsWhatItsProxySaid()
    {
        await using var rig = await TunnelRig.StartAsync(
            loops: 2,
            tunnel: static tunnel => tunnel with { Domain = "tunnels.example" },
            config: WithVisitors
        );
        using var service = new TestServer();
        await using var client = await ShopAsync(rig.Server, service);
        using var crowd = new Crowd(rig.Harness.Engine.Tunnels.Open()[0].Loop);
        using (var visitor = await VisitAsync(rig.VisitorsPort))
        {
            (await TunnelRig.ReadAsync(visitor, Request.Length)).ShouldBe(Request);
            var country = rig.Harness.Engine.CountryLoads().Single(static load => load.Country == "CH");
            (country.AcceptedTotal, country.Connections).ShouldBe((1, 1));
            (country.ReceivedBytesTotal, country.SentBytesTotal).ShouldBe((Request.Length, Request.Length));
        }

        await Until.TrueAsync(() => rig.Harness.Engine.CountryLoads().All(IsEmpty), TunnelRig.Patience, "nobody is counted any more");
        var proxied = rig.Harness.Records.Where(static record => record.Proxy is not null);
        proxied.ShouldHaveSingleItem().Proxy!.Authority.ShouldBe("app.example.com");

        static bool IsEmpty(CountryLoad load) => load.Country != "CH" || load.Connections == 0;
    }

    [Fact]
    public async Task NamedVisitor_OfAnotherGateway_IsItsCountrys()
    {
        await using var fleet = await FleetRig.StartAsync(
            2,
            tunnel: static tunnel => tunnel with { Domain = "tunnels.example" },
            config: WithVisitors
        );
        using var service = new TestServer();
        await using var client = await ShopAsync(fleet[0].Server, service);
        using var visitor = await VisitAsync(fleet[1].Rig.VisitorsPort);
        (await TunnelRig.ReadAsync(visitor, Request.Length)).ShouldBe(Request);
        var country = fleet[0].Engine.CountryLoads().Single(static load => load.Country == "CH");
        (country.Connections, country.ReceivedBytesTotal).ShouldBe((1, Request.Length));
    }

    /// <summary>The loop that a data connection leaves may still be at work when the other one has it: caught there, at one moment or another of it.</summary>
    [Fact]
    public async Task DataConnection_ThatIsTakenAtOnce_ComesWhole()
    {
        await using var rig = await TunnelRig.StartAsync(loops: 2);
        var early = string.Concat(Enumerable.Range(1000, 1500));
        using (var bore = await BoreClient.OpenAsync(rig.Server))
        {
            var home = rig.Harness.Engine.Tunnels.Open()[0].Loop;
            var other = rig.Harness.Engine.Loops.Single(loop => loop != home);
            using var crowd = new Crowd(home);
            for (var round = 0; round < 300; round++)
            {
                using var visitor = await TunnelRig.VisitAsync(bore.Port);
                var id = await bore.VisitorAsync();
                using var data = await BoreClient.DialAsync(rig.Server, null);
                var descriptor = await GreetingOfAsync(other);
                var lurks = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                var lurking = home.InvokeAsync(() => Lurk(home, descriptor, lurks, round % 30));
                await lurks.Task.WaitAsync(TunnelRig.Patience);
                await data.SendAsync(Encoding.UTF8.GetBytes($"{{\"Accept\":\"{id}\"}}\0{early}"));
                (await lurking).ShouldBeTrue("it was about to come");
                (await TunnelRig.ReadAsync(visitor, early.Length)).ShouldBe(early, $"round {round}");
            }
        }

        await rig.NothingLeftAsync();
    }

    private GatewayConfig WithVisitors(GatewayConfig config) =>
        config with
        {
            Geo = new GeoConfig { DatabasePath = _countries },
            Listeners =
            [
                .. config.Listeners,
                TunnelRig.Visitors(config) with
                {
                    ProxyProtocol = new ProxyProtocolConfig { Trusted = ["127.0.0.0/8"] },
                },
            ],
        };

    private static Task<OwnClient> ShopAsync(IPEndPoint server, TestServer service) =>
        OwnClient.StartAsync(server, [new LocalPort(TunnelProtocol.Name, "127.0.0.1", service.Port, 0, "shop")]);

    /// <summary>A visitor of that name from Switzerland.</summary>
    private static async Task<Socket> VisitAsync(int port)
    {
        var header = new byte[ProxyHeader.MaxWrittenBytes];
        var addresses = new ProxyAddresses(Address("203.0.113.7"), 4321, Address("198.51.100.1"), 443);
        var length = ProxyHeaderWriter.WriteV2(addresses, new ProxyWords { Authority = "app.example.com"u8 }, crc32C: false, header);
        var visitor = await TunnelRig.VisitAsync(port);
        byte[] all = [.. header.AsSpan(0, length), .. Encoding.ASCII.GetBytes(Request)];
        await visitor.SendAsync(all);
        return visitor;

        static NetworkAddress Address(string text) => NetworkAddress.From(IPAddress.Parse(text));
    }

    private static async Task<int> GreetingOfAsync(RelayLoop loop)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            var found = await loop.InvokeAsync(() => GreetingOf(loop));
            if (found >= 0)
            {
                return found;
            }

            Stopwatch.GetElapsedTime(since).ShouldBeLessThan(TunnelRig.Patience, "the other loop has accepted it");
        }
    }

    private static unsafe int GreetingOf(RelayLoop loop) =>
        loop.Table.ClientsOf(loop.Owner).FirstOrDefault(client => loop.Table[client]->Phase == ChannelPhase.TunnelGreeting, -1);

    /// <summary>Keeps a loop at its commands until a client has left another loop, so that it takes it the moment that it is told; or a little later.</summary>
    private static unsafe bool Lurk(RelayLoop loop, int client, TaskCompletionSource lurks, int later)
    {
        var channel = loop.Table[client];
        lurks.SetResult();
        var since = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref channel->Loop) != 0)
        {
            if (Stopwatch.GetElapsedTime(since) > TunnelRig.Patience)
            {
                return false;
            }
        }

        Thread.SpinWait(later);
        return true;
    }

    /// <summary>A loop that seems to have many connections: whoever comes is given to another.</summary>
    private sealed class Crowd : IDisposable
    {
        private const int Size = 1000;
        private readonly RelayLoop _loop;

        public Crowd(RelayLoop loop)
        {
            _loop = loop;
            for (var i = 0; i < Size; i++)
            {
                _loop.Balance.Opened();
            }
        }

        public void Dispose()
        {
            for (var i = 0; i < Size; i++)
            {
                _loop.Balance.Closed();
            }
        }
    }
}

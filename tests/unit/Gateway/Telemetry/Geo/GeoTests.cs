using System.Net;
using System.Net.WebSockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Telemetry.Geo;
using Mooring.Gateway.Tests.Datagrams;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Telemetry.Geo;

public sealed class GeoTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"mooring-{Guid.NewGuid():N}.mmdb");

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Database_Addresses_AreFoundByTheLongestNetwork()
    {
        File.WriteAllBytes(
            _file,
            MmdbWriter.Write(("192.0.2.0/24", "CH"), ("198.51.100.0/25", "DE"), ("2001:db8::/32", "FR"), ("203.0.113.0/24", "x1"))
        );
        using var database = GeoDatabase.TryOpen(_file, out var error);
        error.ShouldBeNull();

        string Of(string address) =>
            CountryNames.Of(CountryNames.IndexOf(database!.CountryOf(NetworkAddress.From(IPAddress.Parse(address)))));

        Of("192.0.2.77").ShouldBe("CH");
        Of("198.51.100.1").ShouldBe("DE");
        Of("198.51.100.200").ShouldBe("unknown");
        Of("2001:db8:1::1").ShouldBe("FR");
        Of("2001:db9::1").ShouldBe("unknown");
        Of("203.0.113.1").ShouldBe("unknown", "a code that is no country's");
    }

    [Fact]
    public void Database_BrokenOrMissing_SaysWhy()
    {
        GeoDatabase.TryOpen(_file, out var error).ShouldBeNull();
        error!.ShouldContain(_file);
        File.WriteAllText(_file, "not a database");
        GeoDatabase.TryOpen(_file, out error).ShouldBeNull();
        error!.ShouldContain("not a MaxMind database");
        File.WriteAllText(_file, "");
        GeoDatabase.TryOpen(_file, out error).ShouldBeNull();
    }

    [Fact]
    public void Names_AllCodes_AreBoundedAndTheirOwn()
    {
        var names = Enumerable.Range(0, CountryNames.Count).Select(CountryNames.Of).ToList();
        names.Distinct().Count().ShouldBe(CountryNames.Count);
        names.Skip(1).ShouldAllBe(name => CountryNames.Of(CountryNames.IndexOf((ushort)(name[0] | (name[1] << 8)))) == name);
    }

    [Fact]
    public async Task Engine_Flows_AreCountedByCountry()
    {
        File.WriteAllBytes(_file, MmdbWriter.Write(("127.0.4.0/24", "CH")));
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            config =>
                config with
                {
                    Geo = new GeoConfig { DatabasePath = _file },
                    Listeners = [config.Listeners[0] with { Udp = new UdpListenerConfig { SessionTimeout = TimeSpan.FromSeconds(2) } }],
                }
        );
        using var known = gateway.Client(from: IPAddress.Parse("127.0.4.1"));
        using var unknown = gateway.Client(from: IPAddress.Parse("127.0.5.1"));
        (await known.AskAsync("hello")).ShouldBe("hello");
        (await unknown.AskAsync("you")).ShouldBe("you");
        // Bytes that went out are counted when the system call returns, which may be after they came in here.
        await Until.TrueAsync(() => Load("unknown").SentBytesTotal == 3, EngineHarness.Patience, "what was sent is counted");
        Load("CH")
            .ShouldBe(
                new CountryLoad
                {
                    Country = "CH",
                    Connections = Load("CH").Connections,
                    AcceptedTotal = 1,
                    ReceivedBytesTotal = 5,
                    SentBytesTotal = 5,
                }
            );
        await gateway.FlowsAsync(0);
        Load("CH").Connections.ShouldBe(0);

        CountryLoad Load(string country) => gateway.Engine.CountryLoads().Single(load => load.Country == country);
    }

    [Fact]
    public async Task Engine_HubClients_BytesAreCountedByCountry_AndLogged()
    {
        File.WriteAllBytes(_file, MmdbWriter.Write(("127.0.0.0/8", "CH")));
        await using var harness = new EngineHarness(change: static options =>
            options with
            {
                Upgrades = static listener => new ProxyUpgradeHandler(listener),
            }
        );
        var port = (await harness.ListenAsync())[0];
        await harness.ApplyAsync(
            new GatewayConfig
            {
                Fleet = "default/test",
                Geo = new GeoConfig { DatabasePath = _file },
                Listeners =
                [
                    new ListenerConfig
                    {
                        Name = "hub",
                        Protocol = ListenerProtocol.WebSocket,
                        Port = port,
                        WebSocket = new WebSocketListenerConfig
                        {
                            Mode = WebSocketMode.Hub,
                            Hub = new HubConfig { Anonymous = true },
                        },
                    },
                ],
            }
        );
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        using (var client = new ClientWebSocket())
        {
            await client.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/"), limit.Token);
            await client.SendAsync("""{"id":1,"connect":{}}"""u8.ToArray(), WebSocketMessageType.Text, true, limit.Token);
            (await client.ReceiveAsync(new byte[4096], limit.Token)).Count.ShouldBeGreaterThan(0);
            await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
        }

        await Until.TrueAsync(() => harness.Records.Count == 1, EngineHarness.Patience, "it has ended");
        var record = harness.Records.Single();
        var listener = harness.Engine.ListenerLoads().Single();
        record.Sent.ShouldBe(listener.SentBytesTotal);
        record.Sent.ShouldBeGreaterThan(200);
        var country = harness.Engine.CountryLoads().Single();
        (country.Country, country.SentBytesTotal, country.ReceivedBytesTotal).ShouldBe(("CH", record.Sent, record.Received));
    }

    [Fact]
    public async Task Engine_ConnectionsAndBytes_AreCountedByCountryAndADatabaseIsSwapped()
    {
        File.WriteAllBytes(_file, MmdbWriter.Write(("203.0.113.0/24", "CH")));
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = ProxyProtocolTests.Config(port, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] }) with
        {
            Geo = new GeoConfig { DatabasePath = _file },
        };
        await harness.ApplyAsync(config);

        using var first = await ExchangeAsync(port, "203.0.113.7", "hello");
        using var other = await ExchangeAsync(port, "198.51.100.7", "you");
        var loads = harness.Engine.CountryLoads().ToDictionary(load => load.Country);
        loads.Keys.ShouldBe(["unknown", "CH"], ignoreOrder: true);
        loads["CH"].ShouldBe(loads["CH"] with { Connections = 1, AcceptedTotal = 1, ReceivedBytesTotal = 5, SentBytesTotal = 5 });
        loads["unknown"].ReceivedBytesTotal.ShouldBe(3);
        using var again = await ExchangeAsync(port, "203.0.113.7", "cached");
        harness.Engine.Loops[0].Countries.Lookups.ShouldBe(2);

        // Written in place, as cp does it, and to the same length: what is open keeps its country.
        File.WriteAllBytes(_file, MmdbWriter.Write(("203.0.113.0/24", "LI")));
        File.SetLastWriteTimeUtc(_file, new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        await harness.ApplyAsync(config with { Drain = new DrainConfig { CloseReason = "another config" } });
        using var later = await ExchangeAsync(port, "203.0.113.7", "hi");
        first.Dispose();
        again.Dispose();
        await Until.TrueAsync(() => harness.Engine.Connections == 2, EngineHarness.Patience, "two have ended");
        loads = harness.Engine.CountryLoads().ToDictionary(load => load.Country);
        loads["CH"].Connections.ShouldBe(0);
        loads["CH"].AcceptedTotal.ShouldBe(2);
        loads["LI"].Connections.ShouldBe(1);

        // Off: no more are counted, and what was counted ends as it began.
        await harness.ApplyAsync(config with { Geo = null });
        using var uncounted = await ExchangeAsync(port, "203.0.113.9", "x");
        later.Dispose();
        await Until.TrueAsync(() => harness.Engine.Connections == 2, EngineHarness.Patience, "it has ended");
        harness.Engine.CountryLoads().Sum(load => load.AcceptedTotal).ShouldBe(4);
        harness.Engine.CountryLoads().Single(load => load.Country == "LI").Connections.ShouldBe(0);
    }

    [Fact]
    public async Task Keeper_FileThatAppearsOrBreaks_IsNoticed()
    {
        var reports = new List<string?>();
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = await harness.ServeAsync(server.Port);
        using var keeper = new GeoKeeper(
            harness.Engine.Loops,
            (_, error) =>
            {
                lock (reports)
                {
                    reports.Add(error);
                }
            }
        );
        var time = new ManualTime();
        using var stop = new CancellationTokenSource();
        await keeper.UseAsync(_file);
        var running = keeper.RunAsync(TimeSpan.FromSeconds(5), time, stop.Token);
        using var unknown = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(
            () => harness.Engine.CountryLoads().Any(load => load.Country == "unknown"),
            EngineHarness.Patience,
            "unknown"
        );

        File.WriteAllBytes(_file, MmdbWriter.Write(("127.0.0.0/8", "CH")));
        time.Advance(TimeSpan.FromSeconds(5));
        await Until.TrueAsync(() => Count() == 2, EngineHarness.Patience, "the file was opened");
        File.WriteAllText(_file, "broken");
        time.Advance(TimeSpan.FromSeconds(5));
        await Until.TrueAsync(() => Count() == 3, EngineHarness.Patience, "the file was looked at");
        using var known = await EngineHarness.ConnectAsync(port);
        await Until.TrueAsync(
            () => harness.Engine.CountryLoads().Any(load => load.Country == "CH"),
            EngineHarness.Patience,
            "the one before"
        );

        reports[0].ShouldNotBeNull();
        reports[1].ShouldBeNull();
        reports[2].ShouldNotBeNull();
        await stop.CancelAsync();
        await running;
        known.Dispose();
        unknown.Dispose();
        await harness.NoneOpenAsync();
        await keeper.UseAsync(null);

        int Count()
        {
            lock (reports)
            {
                return reports.Count;
            }
        }
    }

    private static async Task<System.Net.Sockets.Socket> ExchangeAsync(int port, string address, string text)
    {
        var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(Encoding.ASCII.GetBytes($"PROXY TCP4 {address} 192.0.2.1 1234 80\r\n{text}"));
        (await ProxyProtocolTests.ReadAsync(client, text.Length)).ShouldBe(text);
        return client;
    }
}

using System.Text;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Redis;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>The registry's parts that need neither Redis nor a clock.</summary>
public sealed class RegistryPureTests
{
    private static readonly GatewayRecord[] Fleet =
    [
        Gateway("full", 100, 100),
        Gateway("half", 50, 100),
        Gateway("low", 21, 100),
        Gateway("lower", 20, 100),
        Gateway("draining", 0, 100) with
        {
            State = GatewayState.Draining,
        },
        Gateway("cordoned", 0, 100) with
        {
            State = GatewayState.Cordoned,
        },
        Gateway("empty", 0, 0),
    ];

    [Theory]
    [InlineData(0.0, 0.0, "lower")]
    [InlineData(0.99, 0.0, "lower")]
    [InlineData(0.0, 0.99, "lower")]
    public void Best_LowestOfThoseThatServe_AndOfEqualsTheLesserOfTwo(double first, double second, string best)
    {
        var draws = new Queue<double>([first, second]);
        ServerChoice.Best(Fleet, draws.Dequeue)!.Name.ShouldBe(best);
    }

    [Fact]
    public void Key_OfTheRegistry_DiffersWithEachSettingOfTheRedis()
    {
        var settings = RedisRegistryTests.Settings(6379);
        var config = new GatewayConfig { Fleet = "default/f" };
        string[] keys =
        [
            RegistryService.Key(config, null),
            RegistryService.Key(config, settings),
            RegistryService.Key(config with { Fleet = "default/g" }, settings),
            RegistryService.Key(config, RedisRegistryTests.Settings(6380)),
            RegistryService.Key(config, settings with { SentinelMaster = "m" }),
            RegistryService.Key(config, settings with { Cluster = true }),
            RegistryService.Key(config, settings with { PasswordFile = "/run/p" }),
            RegistryService.Key(config, settings with { Tls = new RedisTls(null, null) }),
            RegistryService.Key(config, settings with { Tls = new RedisTls("/run/ca", null) }),
            RegistryService.Key(config, settings with { Tls = new RedisTls(null, "redis.shop") }),
        ];
        keys.ShouldBeUnique();
        RegistryService.Key(config, RedisRegistryTests.Settings(6379)).ShouldBe(keys[1]);
        // The Hub's brokers go by the same.
        var sentinel = new RegistryConfig
        {
            Redis = new RedisConfig { Addresses = ["127.0.0.1:6379"], SentinelMaster = "m" },
        };
        var brokers = RegistryService.Brokers(RegistryEnvironment.None, TimeProvider.System);
        brokers
            .Key(config with { Registry = sentinel })
            .ShouldNotBe(brokers.Key(config with { Registry = sentinel with { Redis = sentinel.Redis with { SentinelMaster = null } } }));
    }

    [Fact]
    public void Best_ManyEquals_AreAllChosen()
    {
        var random = new Random(1);
        GatewayRecord[] fleet = [.. Enumerable.Range(0, 10).Select(i => Gateway($"g{i}", i % 2, 100))];

        var counts = Enumerable
            .Range(0, 2000)
            .GroupBy(_ => ServerChoice.Best(fleet, random.NextDouble)!.Name)
            .ToDictionary(g => g.Key, g => g.Count());

        counts.Count.ShouldBe(10);
        counts.Where(pair => fleet.Single(one => one.Name == pair.Key).Load == 0).Sum(pair => pair.Value).ShouldBeGreaterThan(1300);
    }

    [Fact]
    public void Best_NoneOrOnlyTheUnwanted_IsNull()
    {
        ServerChoice.Best([], () => 0).ShouldBeNull();
        ServerChoice.Best([Gateway("a", 0, 1)], () => 0, except: "a").ShouldBeNull();
        ServerChoice.Best([Gateway("a", 1, 1)], () => 0).ShouldBeNull();
    }

    [Fact]
    public void Stats_CountsCapacityOfThoseThatServe()
    {
        var stats = FleetFigures.Stats([
            Gateway("b", 30, 100),
            Gateway("a", 20, 100),
            Gateway("c", 50, 100) with
            {
                State = GatewayState.Draining,
            },
        ]);

        (stats.ServerCount, stats.TotalCapacity, stats.TotalLoad, stats.UtilizationPercent).ShouldBe((3, 250, 100, 40));
        stats.Servers.Select(server => (server.Name, server.UtilizationPercent)).ShouldBe([("a", 20), ("b", 30), ("c", 50)]);
        FleetFigures.Stats([]).UtilizationPercent.ShouldBe(100);
    }

    [Theory]
    [InlineData(0, 200, true)]
    [InlineData(20, 140, true)]
    [InlineData(80, 0, false)]
    public void Capacity_KeepsTheReserve(int reserved, int slots, bool has)
    {
        GatewayRecord[] fleet =
        [
            Gateway("a", 20, 100) with
            {
                Bandwidth = 300,
                BandwidthCapacity = 1000,
            },
            Gateway("b", 30, 100) with
            {
                Bandwidth = 500,
                BandwidthCapacity = 1000,
            },
            Gateway("c", 50, 100) with
            {
                Bandwidth = 9,
            },
        ];

        var answer = FleetFigures.Capacity(fleet, reserved, 0);

        answer.ShouldBe(new CapacityAnswer(has, 100, 300, slots, 33.3, 3, 40));
        // What the fleet is there for goes before what its gateways may, and whoever moves something counts.
        FleetFigures.Capacity(fleet, reserved, 8090).BandwidthUtilization.ShouldBe(10);
        // What another wrote may be any number.
        var boasts = fleet.Select(gateway => gateway with { Bandwidth = long.MaxValue, BandwidthCapacity = long.MaxValue }).ToList();
        FleetFigures.Capacity(boasts, reserved, 0).BandwidthUtilization.ShouldBe(100);
        FleetFigures.Capacity(boasts, reserved, long.MaxValue).BandwidthUtilization.ShouldBe(300);
    }

    [Theory]
    [InlineData(1000, 2000, 3000, 4000, 80_000)]
    [InlineData(1000, 2000, 3000, 0, 0)]
    [InlineData(1000, 2000, 0, 0, 0)]
    public void BandwidthLimit_IsThatOfAllListeners_WhereEachHasOneInBothDirections(
        long receive,
        long send,
        long other,
        long back,
        long bits
    )
    {
        var config = new GatewayConfig { Fleet = "a/b", Listeners = [Listener(receive, send), Listener(other, back)] };
        Mooring.Gateway.Serving.RegistrySource.Limit(config).ShouldBe(bits);
        Mooring.Gateway.Serving.RegistrySource.Limit(config with { Listeners = [] }).ShouldBe(0);

        static ListenerConfig Listener(long receive, long send) =>
            new()
            {
                Name = "a",
                Protocol = ListenerProtocol.TCP,
                Port = 1,
                Limits = new ListenerLimitsConfig
                {
                    Bandwidth = new BandwidthConfig { ReceiveBytesPerSecond = receive, SendBytesPerSecond = send },
                },
            };
    }

    [Fact]
    public void Capacity_WhereThereAreTunnels_TheyAreWhatIsActive()
    {
        GatewayRecord[] fleet =
        [
            Gateway("a", 20, 100) with
            {
                Peer = new PeerRecord { Tunnels = 3 },
            },
            Gateway("b", 30, 100) with
            {
                Peer = new PeerRecord { Tunnels = 0 },
            },
        ];

        var answer = FleetFigures.Capacity(fleet, 0, 0);

        (answer.ActiveTunnels, answer.TotalCapacity, answer.AvailableSlots).ShouldBe((3, 200, 150));
    }

    [Fact]
    public void Breaker_OpensTriesAndCloses()
    {
        var breaker = new CallBreaker(2, TimeSpan.FromSeconds(1));
        breaker.Fail(0);
        breaker.TryEnter(0).ShouldBeTrue();
        breaker.Fail(0);
        breaker.State.ShouldBe(BreakerState.Open);
        breaker.TryEnter(999).ShouldBeFalse();
        breaker.TryEnter(1000).ShouldBeTrue();
        breaker.State.ShouldBe(BreakerState.HalfOpen);
        breaker.TryEnter(1001).ShouldBeFalse("one tries at a time");
        breaker.Fail(1100);
        breaker.TryEnter(2000).ShouldBeFalse();
        breaker.TryEnter(2100).ShouldBeTrue();
        breaker.Succeed();
        breaker.State.ShouldBe(BreakerState.Closed);
        breaker.Opened.ShouldBe(1);
    }

    [Theory]
    [InlineData("REDIS_USERNAME=app", "REDIS_USERNAME: users of an ACL are not supported")]
    [InlineData("REDIS_ADDRESSES=redis://u:secret@h:1", "is a URL; must be host:port. Users of an ACL are not supported")]
    [InlineData("REDIS_ADDRESSES=h", "'h' is not host:port")]
    [InlineData("REDIS_ADDRESSES=h:1;REDIS_CLUSTER=maybe", "REDIS_CLUSTER: must be true or false")]
    [InlineData("REDIS_PASSWORD=a;REDIS_PASSWORD_FILE=b", "cannot be together")]
    [InlineData("REDIS_ADDRESSES=h:1;REDIS_CLUSTER=true;REDIS_SENTINEL_MASTER=m", "cannot be together with sentinelMaster")]
    public void Environment_Bad_IsRefusedWithItsName(string variables, string error)
    {
        var (_, errors) = RegistryEnvironment.Read(name => Variables(variables).GetValueOrDefault(name));

        errors.ShouldHaveSingleItem().ShouldContain(error);
        errors[0].ShouldNotContain("secret");
    }

    [Fact]
    public void Environment_Good_IsRead()
    {
        const string Text = "REDIS_ADDRESSES=a:1, [::1]:2;REDIS_PASSWORD=p;REDIS_TLS=1;REDIS_CA_FILE=/ca;REDIS_SENTINEL_MASTER=m";

        var (environment, errors) = RegistryEnvironment.Read(name => Variables(Text).GetValueOrDefault(name));

        errors.ShouldBeEmpty();
        var redis = environment.Redis!;
        redis.Addresses.Select(one => (one.Host, one.Port)).ShouldBe([("a", 1), ("::1", 2)]);
        (redis.Password, redis.SentinelMaster, redis.Tls).ShouldBe(("p", "m", new RedisTls("/ca", null)));
        redis.ToString().ShouldNotContain("p,", Case.Sensitive, "no password in logs");
        RegistryEnvironment.Read(_ => null).Environment.ShouldBe(RegistryEnvironment.None);
    }

    [Fact]
    public void Config_Bad_EveryErrorHasItsPath()
    {
        var config = ContractsJson.ParseConfig(
            """
            {"fleet": "a/b", "capacity": {"fleet": {"connections": 0, "gateways": 0}},
             "registry": {"ttl": "1s", "redis": {"addresses": ["x", "redis://h:1", null], "sentinelMaster": "", "cluster": true, "passwordFile": "",
                          "tls": {"serverName": "a b"}}}}
            """u8
        );

        var errors = ConfigCompiler.Compile(config, 100).Errors;

        errors
            .Select(error => error.Split(": ")[0])
            .ShouldBe([
                "capacity.fleet.connections",
                "capacity.fleet.gateways",
                "registry.ttl",
                "registry.redis.addresses[0]",
                "registry.redis.addresses[1]",
                "registry.redis.addresses[2]",
                "registry.redis.sentinelMaster",
                "registry.redis.cluster",
                "registry.redis.passwordFile",
                "registry.redis.tls.serverName",
            ]);
    }

    [Theory]
    [InlineData("+OK\r\n", "OK")]
    [InlineData(":7\r\n", "7")]
    [InlineData("$3\r\na\r\n\r\n", "a\r\n")]
    [InlineData("*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n", "127.0.0.1|6379")]
    [InlineData("*3\r\n$6\r\nmaster\r\n:5\r\n*1\r\n*1\r\n$1\r\na\r\n", "master|5|")]
    [InlineData("*-1\r\n", "")]
    public void Probe_Replies_AreReadAndEveryPrefixIsUnfinished(string text, string items)
    {
        var bytes = Encoding.UTF8.GetBytes(text);

        string.Join('|', RespProbe.TryRead(bytes)!.Items).ShouldBe(items);
        for (var length = 0; length < bytes.Length; length++)
        {
            RespProbe.TryRead(bytes.AsSpan(0, length)).ShouldBeNull();
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 400\r\n")]
    [InlineData("\r\n")]
    [InlineData("$99999999\r\n")]
    [InlineData("*2000\r\n")]
    [InlineData("*x\r\n")]
    public void Probe_NoReply_SaysAtWhichByte(string text) =>
        Should.Throw<IOException>(() => RespProbe.TryRead(Encoding.UTF8.GetBytes(text))).Message.ShouldStartWith("byte ");

    [Theory]
    [InlineData("""{"name":"other","state":"Serving"}""")]
    [InlineData("""{"name":"g","state":"Serving","load":-1}""")]
    [InlineData("""{"name":"g","state":"Nonsense"}""")]
    [InlineData("[]")]
    [InlineData("{")]
    public void Record_OfSomebodyElse_IsLeftOut(string json) => RecordJson.Read(Encoding.UTF8.GetBytes(json), "g", 1).ShouldBeNull();

    private static Dictionary<string, string> Variables(string text) =>
        text.Split(';').Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    private static GatewayRecord Gateway(string name, int load, int capacity) =>
        new()
        {
            Name = name,
            Load = load,
            Capacity = capacity,
        };
}

using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Limits.Overload;

namespace Mooring.Gateway.Tests.Limits;

public sealed class CapacityPlannerTests
{
    private static readonly NodeAllowance Plenty = new(1_000_000, 1L << 40, 1_000_000, 64);

    [Theory]
    [InlineData(4000, 10_000, 4000, CapacityBound.Configured)]
    [InlineData(40_000, 10_000, 10_000, CapacityBound.OpenFiles)]
    public void Fit_Number_IsCappedByDescriptorsAlone(int wanted, int files, int capacity, CapacityBound bound)
    {
        var fitted = Fit(
            new CapacityConfig { MaxConnections = wanted },
            new NodeAllowance(files, MemoryBytes: 70L << 20, PortsPerDestination: 10, Cores: 1),
            destinations: 1
        );

        (fitted.Capacity, fitted.CapacityBound).ShouldBe((capacity, bound));
    }

    [Theory]
    [InlineData(40_000, 1, 28_232, 0, 28_232, CapacityBound.Ports)]
    [InlineData(40_000, 2, 28_232, 0, 0, null)]
    // Endpoints that are not known yet.
    [InlineData(40_000, 0, 28_232, 0, 0, null)]
    [InlineData(40_000, 2, 28_232, 65_536, 32_768, CapacityBound.Tracking)]
    [InlineData(40_000, 2, 0, 80_000, 0, null)]
    // 90 % of 512 MiB less 64 MiB, in shares of 16 KiB.
    [InlineData(26_000, 2, 28_232, 0, 25_395, CapacityBound.Memory)]
    [InlineData(25_000, 2, 28_232, 0, 0, null)]
    // Capped already.
    [InlineData(90_000, 1, 28_232, 1000, 0, null)]
    [InlineData(0, 1, 100, 1000, 0, null)]
    public void Shortfall_OfANumber_IsTheLeastOfWhatIsKnown(
        int wanted,
        int destinations,
        int ports,
        long trackable,
        int connections,
        CapacityBound? bound
    )
    {
        var allowance = new NodeAllowance(80_000, wanted < 40_000 ? 512L << 20 : 0, ports, Cores: 1);
        var fitted = Fit(new CapacityConfig { MaxConnections = wanted }, allowance, destinations);

        var found = CapacityPlanner.Shortfall(fitted, allowance, destinations, trackable);

        (found?.Connections ?? 0, found?.Bound).ShouldBe((connections, bound));
    }

    [Fact]
    public void Shortfall_OfHubs_OneIsTrackedForEachAndNoPortIsNeeded()
    {
        var config = new GatewayConfig
        {
            Fleet = "a/b",
            Capacity = new CapacityConfig { MaxConnections = 5000 },
            Listeners = [WithoutBackend(ListenerProtocol.WebSocket)],
        };
        var allowance = Plenty with { PortsPerDestination = 300 };
        var fitted = CapacityPlanner.Fit(Snapshot(config), allowance, 0);

        CapacityPlanner.Shortfall(fitted, allowance, 1, trackable: 5000).ShouldBeNull();
        CapacityPlanner.Shortfall(fitted, allowance, 1, trackable: 4999).ShouldBe(new CapacityShortfall(4999, CapacityBound.Tracking));
    }

    [Fact]
    public void Fit_Auto_TakesTheLeastAndSaysWhich()
    {
        var auto = new CapacityConfig();

        Bound(auto, Plenty with { FileConnections = 500 }).ShouldBe((500, CapacityBound.OpenFiles));
        // 90 % of 100 MiB less 64 MiB, in shares of 16 KiB.
        Bound(auto, Plenty with { MemoryBytes = 100L << 20 }).ShouldBe((1664, CapacityBound.Memory));
        Bound(auto, Plenty with { PortsPerDestination = 300 }, destinations: 4).ShouldBe((1200, CapacityBound.Ports));
        Bound(auto, Plenty with { PortsPerDestination = 300 }, destinations: 0).ShouldBe((300, CapacityBound.Ports));
        Bound(
                auto with
                {
                    Workers = new WorkersConfig { Connections = 10_000, PerCore = 4 },
                },
                Plenty with
                {
                    Cores = 2,
                }
            )
            .ShouldBe((80_000, CapacityBound.Workers));
    }

    [Fact]
    public void Fit_AutoWhereNothingIsKnownButDescriptors_GoesByThese() =>
        Bound(new CapacityConfig(), new NodeAllowance(700, 0, 0, 1)).ShouldBe((700, CapacityBound.OpenFiles));

    [Fact]
    public void Fit_AutoInTooLittleMemory_TakesOneAtLeast() =>
        Bound(new CapacityConfig(), Plenty with { MemoryBytes = 32L << 20 }).ShouldBe((1, CapacityBound.Memory));

    [Fact]
    public void Fit_MemoryOfTheConfigAndTls_CountInstead()
    {
        var config = new GatewayConfig
        {
            Fleet = "a/b",
            Overload = new OverloadConfig { MemoryLimitBytes = 100L << 20, ShedAtPercent = 80 },
            Backends =
            [
                new BackendConfig
                {
                    Name = "b",
                    Source = EndpointSource.Static,
                    Addresses = [new AddressConfig { Address = "127.0.0.1:1" }],
                    Tls = new BackendTlsConfig(),
                },
            ],
        };

        var fitted = CapacityPlanner.Fit(Snapshot(config), Plenty, 1);

        (fitted.Capacity, fitted.CapacityBound).ShouldBe((512, CapacityBound.Memory));
    }

    [Theory]
    [InlineData(ListenerProtocol.UDP, 500)]
    [InlineData(ListenerProtocol.WebSocket, 1000)]
    public void Fit_WhatHasOneSocket_CountsTheOneThatAFlowIsGivenWhenItLeavesItsListeners(ListenerProtocol protocol, int capacity)
    {
        var udp = protocol == ListenerProtocol.UDP;
        var config = new GatewayConfig
        {
            Fleet = "a/b",
            Listeners =
            [
                new ListenerConfig
                {
                    Name = "edge",
                    Protocol = protocol,
                    Port = 9000,
                    Backend = udp ? "app" : null,
                    WebSocket = udp
                        ? null
                        : new WebSocketListenerConfig
                        {
                            Mode = WebSocketMode.Hub,
                            Hub = new HubConfig { Anonymous = true },
                        },
                },
            ],
            Backends = [new BackendConfig { Name = "app", Addresses = [new AddressConfig { Address = "127.0.0.1:1" }] }],
        };

        CapacityPlanner.Fit(Snapshot(config), Plenty with { FileConnections = 500 }, 1).Capacity.ShouldBe(capacity);
    }

    [Theory]
    [InlineData(ListenerProtocol.WebSocket)]
    [InlineData(ListenerProtocol.Tunnel)]
    public void Fit_AutoWhereNothingIsSentOnToBackends_LocalPortsAreNoBound(ListenerProtocol protocol)
    {
        var config = new GatewayConfig { Fleet = "a/b", Listeners = [WithoutBackend(protocol)] };

        var fitted = CapacityPlanner.Fit(Snapshot(config), Plenty with { PortsPerDestination = 300 }, destinations: 0);

        fitted.CapacityBound.ShouldBe(CapacityBound.OpenFiles);
        var relay = new ListenerConfig
        {
            Name = "relay",
            Protocol = ListenerProtocol.TCP,
            Port = 9001,
            Backend = "app",
        };
        var mixed = config with
        {
            Listeners = [.. config.Listeners, relay],
            Backends = [new BackendConfig { Name = "app", Addresses = [new AddressConfig { Address = "127.0.0.1:1" }] }],
        };
        CapacityPlanner.Fit(Snapshot(mixed), Plenty with { PortsPerDestination = 300 }, destinations: 0).Capacity.ShouldBe(300);
    }

    [Fact]
    public void Fit_Reserve_IsOfWhatCameOut() =>
        Fit(new CapacityConfig { ReservedPercent = 20 }, Plenty with { FileConnections = 1000 }, 1).AdmitUpTo.ShouldBe(800);

    [Theory]
    [InlineData("32768\t60999", "", 28232)]
    [InlineData("32768 60999", "30000-32767", 28232)]
    [InlineData("1024 2023", "1024-1033,2023,9000", 989)]
    [InlineData("", "", 0)]
    [InlineData("60999 32768", "", 0)]
    public void Ports_OfRange_LessTheReserved(string range, string reserved, int expected) =>
        NodeAllowance.Ports(range, reserved).ShouldBe(expected);

    [Fact]
    public void Read_NoCgroupLimit_TakesWhatTheNodeHasAvailable()
    {
        var proc = Directory.CreateTempSubdirectory("allowance-").FullName;
        try
        {
            Directory.CreateDirectory($"{proc}/sys/net/ipv4");
            File.WriteAllText($"{proc}/meminfo", "MemTotal:  2000 kB\nMemAvailable:   1000 kB\n");
            File.WriteAllText($"{proc}/sys/net/ipv4/ip_local_port_range", "1000\t1999\n");

            var read = NodeAllowance.Read(proc, 2256, _ => default);

            read.ShouldBe(new NodeAllowance(1000, 1_024_000, 1000, Environment.ProcessorCount));
            NodeAllowance.Read(proc, 2256, _ => new MemoryReading(1, 5)).MemoryBytes.ShouldBe(5);
            NodeAllowance.Trackable(proc).ShouldBe(0);
            Directory.CreateDirectory($"{proc}/sys/net/netfilter");
            File.WriteAllText($"{proc}/sys/net/netfilter/nf_conntrack_max", "262144\n");
            NodeAllowance.Trackable(proc).ShouldBe(262_144);
        }
        finally
        {
            Directory.Delete(proc, recursive: true);
        }
    }

    private static ListenerConfig WithoutBackend(ListenerProtocol protocol) =>
        new()
        {
            Name = "edge",
            Protocol = protocol,
            Port = 9000,
            WebSocket =
                protocol == ListenerProtocol.WebSocket
                    ? new WebSocketListenerConfig
                    {
                        Mode = WebSocketMode.Hub,
                        Hub = new HubConfig { Anonymous = true },
                    }
                    : null,
            Tunnel =
                protocol == ListenerProtocol.Tunnel
                    ? new TunnelListenerConfig
                    {
                        PortRange = new PortRangeConfig { Start = 20_000, End = 20_010 },
                    }
                    : null,
        };

    private static (int, CapacityBound) Bound(CapacityConfig capacity, NodeAllowance allowance, int destinations = 1000)
    {
        var fitted = Fit(capacity, allowance, destinations);
        return (fitted.Capacity, fitted.CapacityBound);
    }

    private static GatewaySnapshot Fit(CapacityConfig capacity, NodeAllowance allowance, int destinations) =>
        CapacityPlanner.Fit(Snapshot(new GatewayConfig { Fleet = "a/b", Capacity = capacity }), allowance, destinations);

    private static GatewaySnapshot Snapshot(GatewayConfig config) => ConfigCompiler.Compile(config, 1000).Snapshot!;
}

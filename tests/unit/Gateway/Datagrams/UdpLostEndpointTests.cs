using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Datagrams;

/// <summary>Endpoints that no ICMP tells of: the servers of these tests all answer to the end.</summary>
public sealed class UdpLostEndpointTests : IDisposable
{
    private readonly CheckedServer _first = new("first");
    private readonly CheckedServer _second = new("second");

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    [Fact]
    public async Task Removed_ByAPush_ItsFlowsMoveAndStayMoved()
    {
        await using var gateway = await UdpGateway.StartAsync([], config => Pushed(config));
        await PushAsync(gateway, Info("first"), Info("second"));
        using var client = gateway.Client();
        var (home, other) = await HomeAsync(client);

        await PushAsync(gateway, Info(other));
        (await client.AskAsync("b")).ShouldBe($"{other}:b");
        gateway.Engine.Connections.ShouldBe(1);
        gateway.Load.AcceptedTotal.ShouldBe(1);
        Endpoint(gateway, other).ShouldSatisfyAllConditions(load => load.Connections.ShouldBe(1), load => load.FailuresTotal.ShouldBe(0));

        // It comes back as it was: nothing failed, and its place is free.
        await PushAsync(gateway, Info("first"), Info("second"));
        Endpoint(gateway, home).ShouldSatisfyAllConditions(load => load.Connections.ShouldBe(0), load => load.FailuresTotal.ShouldBe(0));
        (await client.AskAsync("c")).ShouldBe($"{other}:c");
        using var newcomer = gateway.Client();
        (await newcomer.AskAsync("d")).ShouldBe($"{home}:d");
    }

    [Fact]
    public async Task Removed_TheOnlyOne_KeepsItsFlowsUntilThereIsAnother()
    {
        await using var gateway = await UdpGateway.StartAsync([], config => Pushed(config));
        await PushAsync(gateway, Info("first"));
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("first:a");
        await PushAsync(gateway);
        (await client.AskAsync("b")).ShouldBe("first:b");
        (await client.AskAsync("c")).ShouldBe("first:c");
        _first.Udp.Peers.Count.ShouldBe(1);
        await PushAsync(gateway, Info("second"));
        (await client.AskAsync("d")).ShouldBe("second:d");
        gateway.Load.AcceptedTotal.ShouldBe(1);
    }

    [Fact]
    public async Task Draining_KeepsItsFlows_AndRemovedForTheDrainTimeout()
    {
        await using var gateway = await UdpGateway.StartAsync([], config => Pushed(config, TimeSpan.FromMinutes(10)));
        await PushAsync(gateway, Info("first"), Info("second"));
        using var client = gateway.Client();
        var (home, other) = await HomeAsync(client);
        await PushAsync(gateway, Info(home) with { Draining = true }, Info(other));
        (await client.AskAsync("b")).ShouldBe($"{home}:b");
        await PushAsync(gateway, Info(other));
        (await client.AskAsync("c")).ShouldBe($"{home}:c");
        using var newcomer = gateway.Client();
        (await newcomer.AskAsync("d")).ShouldBe($"{other}:d");
        (await client.AskAsync("e")).ShouldBe($"{home}:e");
    }

    [Fact]
    public async Task Moved_ToAnotherAddress_TakesItsFlowsAlong()
    {
        await using var gateway = await UdpGateway.StartAsync([], config => Pushed(config));
        await PushAsync(gateway, Info("pod-0", _first.Port));
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("first:a");

        // As a pod of a StatefulSet that was made anew: the same name elsewhere.
        await PushAsync(gateway, Info("pod-0", _second.Port));
        (await client.AskAsync("b")).ShouldBe("second:b");
        Endpoint(gateway, "pod-0").Connections.ShouldBe(1);
        await PushAsync(gateway, Info("pod-0", _second.Port), Info("pod-1", _first.Port));
        (await client.AskAsync("c")).ShouldBe("second:c");
        _second.Udp.Peers.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Down_ByChecks_ItsFlowsMove_AndStayWhereAllAreDown()
    {
        _first.Listen();
        _second.Listen();
        await using var gateway = await UdpGateway.StartAsync([_first.Port, _second.Port], Checked);
        await Until.TrueAsync(
            () => gateway.Engine.BackendLoads()[0].Endpoints.All(load => load.Check?.PassedTotal > 0),
            EngineHarness.Patience,
            "both were checked"
        );
        using var client = gateway.Client();
        var (home, other) = await HomeAsync(client);
        Server(home).IsWell = false;
        await DownAsync(gateway, home);
        (await client.AskAsync("b")).ShouldBe($"{other}:b");
        Endpoint(gateway, home, byPort: true)
            .ShouldSatisfyAllConditions(load => load.Connections.ShouldBe(0), load => load.FailuresTotal.ShouldBe(0));

        // Nowhere to go.
        Server(other).IsWell = false;
        await DownAsync(gateway, other);
        (await client.AskAsync("c")).ShouldBe($"{other}:c");
        Server(other).Udp.Peers.Count.ShouldBe(1);

        // Until there is.
        Server(home).IsWell = true;
        await Until.TrueAsync(
            async () => await client.AskAsync("d") == $"{home}:d",
            EngineHarness.Patience,
            "the flow goes to the endpoint that can be used again"
        );
        gateway.Load.AcceptedTotal.ShouldBe(1);
    }

    [Fact]
    public async Task BreakerOpen_ItsFlowsMove()
    {
        var tcp = Ports.Free();
        await using var gateway = await UdpGateway.StartAsync([_first.Port, _second.Port], config => Broken(config, tcp));
        using var client = gateway.Client();
        var (home, other) = await HomeAsync(client);

        // A TCP connection of the same address goes to the same endpoint, where nobody listens for TCP.
        await Should.ThrowAsync<SocketException>(async () =>
        {
            using var connection = await EngineHarness.ConnectAsync(tcp);
            await connection.ReceiveAsync(new byte[1]);
        });
        Endpoint(gateway, home, byPort: true).Breaker!.State.ShouldBe(BreakerStateName.Open);
        (await client.AskAsync("b")).ShouldBe($"{other}:b");
        gateway.Load.AcceptedTotal.ShouldBe(1);
        Endpoint(gateway, other, byPort: true).FailuresTotal.ShouldBe(0);
    }

    private static GatewayConfig Pushed(GatewayConfig config, TimeSpan drain = default) =>
        config with
        {
            Backends =
            [
                new BackendConfig
                {
                    Name = "relay",
                    Source = EndpointSource.Pushed,
                    DrainTimeout = drain,
                },
            ],
        };

    // With a TCP listener, or checks would have to name a port.
    private static GatewayConfig Checked(GatewayConfig config) =>
        config with
        {
            Listeners = [.. config.Listeners, EngineHarness.Listener("control", Ports.Free())],
            Backends =
            [
                config.Backends[0] with
                {
                    ActiveHealth = new ActiveHealthConfig
                    {
                        Interval = TimeSpan.FromMilliseconds(100),
                        Timeout = TimeSpan.FromSeconds(10),
                        Rise = 1,
                        Fall = 1,
                        Expect = "well",
                    },
                },
            ],
        };

    private static GatewayConfig Broken(GatewayConfig config, int tcp) =>
        config with
        {
            Listeners =
            [
                .. config.Listeners,
                EngineHarness.Listener("control", tcp) with
                {
                    Tcp = new TcpListenerConfig { Balancing = BalancingPolicy.ConsistentHash },
                },
            ],
            Backends =
            [
                config.Backends[0] with
                {
                    PassiveHealth = new PassiveHealthConfig { MaxFails = 0 },
                    Retry = new RetryConfig { Attempts = 1 },
                    CircuitBreaker = new CircuitBreakerConfig { FailureThreshold = 1, ResetTimeout = TimeSpan.FromMinutes(10) },
                },
            ],
        };

    private static async Task<(string Home, string Other)> HomeAsync(UdpClientSocket client)
    {
        var home = (await client.AskAsync("a")).Split(':')[0];
        return (home, home == "first" ? "second" : "first");
    }

    private static Task PushAsync(UdpGateway gateway, params EndpointInfo[] endpoints) =>
        gateway.Engine.ApplyEndpointsAsync(new EndpointsMessage { Backend = "relay", Endpoints = endpoints });

    private Task DownAsync(UdpGateway gateway, string name) =>
        Until.TrueAsync(() => Endpoint(gateway, name, byPort: true).Check?.Up == false, EngineHarness.Patience, $"{name} is down");

    private EndpointLoad Endpoint(UdpGateway gateway, string name, bool byPort = false) =>
        gateway.Engine.BackendLoads()[0].Endpoints.Single(load => load.Id == (byPort ? $"127.0.0.1:{Server(name).Port}" : name));

    private CheckedServer Server(string name) => name == "first" ? _first : _second;

    private EndpointInfo Info(string name) => Info(name, Server(name).Port);

    private static EndpointInfo Info(string id, int port) =>
        new()
        {
            Id = id,
            Address = "127.0.0.1",
            Port = port,
        };

    /// <summary>A UDP server that answers whatever TCP says at the same port: nothing, where nobody listens, or how it is.</summary>
    private sealed class CheckedServer : IDisposable
    {
        private readonly Socket _tcp;

        public CheckedServer(string name)
        {
            while (true)
            {
                _tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                _tcp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                Port = ((IPEndPoint)_tcp.LocalEndPoint!).Port;
                try
                {
                    Udp = UdpServer.Named(name, Port);
                    return;
                }
                catch (SocketException)
                {
                    // Another has the port for UDP.
                    _tcp.Dispose();
                }
            }
        }

        public int Port { get; }

        public UdpServer Udp { get; }

        public volatile bool IsWell = true;

        public void Listen()
        {
            _tcp.Listen();
            _ = Task.Run(AnswerAsync);
        }

        public void Dispose()
        {
            Udp.Dispose();
            _tcp.Dispose();
        }

        private async Task AnswerAsync()
        {
            try
            {
                while (true)
                {
                    using var client = await _tcp.AcceptAsync();
                    await client.SendAsync(IsWell ? "well"u8.ToArray() : "ill"u8.ToArray(), SocketFlags.None);
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}

using System.Diagnostics;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mooring.Operator.Host.Processes;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

/// <summary>Host mode as a user meets it: the programs themselves, with real gateways and workloads.</summary>
[Collection(nameof(UpTests))]
[CollectionDefinition(nameof(UpTests), DisableParallelization = true)]
public sealed class UpTests
{
    [Fact]
    public async Task Up_KillNineOnGatewayAndWorkload_BothReturnAndOtherGatewaysConnectionsStay()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        (await WebSocketEchoesAsync(up)).ShouldBeTrue();
        var clients = await ConnectAsync(up, 20);
        await up.UntilAsync(static fleet => fleet.Gateways.Sum(static gateway => gateway.Connections) >= 20, "20 connections");
        var victim = up.Fleet!.Gateways[0];
        var survivors = up.Fleet.Gateways[1].Connections;
        _ = Libc.Kill(victim.ProcessId, Libc.SigKill);
        await up.UntilAsync(
            fleet => fleet.Gateways[0] is { Restarts: 1, State: "Serving" } gateway && gateway.ProcessId != victim.ProcessId,
            "the gateway's return"
        );
        await up.ReadyAsync();
        (await CountEchoingAsync(up, clients)).ShouldBe((int)survivors);

        // The listeners were open all the time, and the new gateway takes from them.
        (await CountEchoingAsync(up, await ConnectAsync(up, 20))).ShouldBe(20);

        var workload = up.Fleet.Endpoints.First(static endpoint => endpoint.Backend == "echo");
        _ = Libc.Kill(workload.ProcessId!.Value, Libc.SigKill);
        await up.UntilAsync(
            fleet => fleet.Endpoints.Any(endpoint => endpoint.Id == workload.Id && endpoint is { Restarts: 1, State: "Ready" }),
            "the workload's return"
        );
        await up.ReadyAsync();
        (await CountEchoingAsync(up, await ConnectAsync(up, 20))).ShouldBe(20);
    }

    [Fact]
    public async Task Up_EditOfLimitAndWorkloads_IsInForceAndDropsNobody()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        var clients = await ConnectAsync(up, 100);
        (await CountEchoingAsync(up, clients)).ShouldBe(100);
        var hash = up.Fleet!.ConfigHash;
        up.Edit("perAddress: 1000", "perAddress: 1");
        up.Edit("replicas: 2 # echo", "replicas: 3 # echo");
        await up.UntilAsync(
            fleet => fleet.ConfigHash != hash && fleet.ConfigAcked == "2/2" && fleet is { BackendsReady: 5, BackendsDesired: 5 },
            "the edit in force"
        );

        // Every gateway has one of this address already, if the kernel was fair to it; one that has none takes exactly one.
        var more = await ConnectAsync(up, 10);
        (await CountEchoingAsync(up, more)).ShouldBeLessThanOrEqualTo(1);
        (await CountEchoingAsync(up, clients)).ShouldBe(100);

        // Scale-in: the workload that goes keeps its connections until they end.
        up.Edit("replicas: 3 # echo", "replicas: 1 # echo");
        await up.UntilAsync(static fleet => fleet.Endpoints.Any(static endpoint => endpoint.State == "Draining"), "a drain");
        (await CountEchoingAsync(up, clients)).ShouldBe(100);
        clients.ForEach(static client => client.Dispose());
        await up.UntilAsync(
            static fleet => fleet is { BackendsReady: 3, BackendsDesired: 3 } && fleet.Endpoints.Count == 3,
            "the end of the drained workloads"
        );
    }

    /// <summary>The other backend has none of its own: that its connection was cut shows that the gateways' deadline is over.</summary>
    [Fact]
    public async Task Up_DrainTimeoutOfABackend_HoldsRatherThanTheGatewaysDeadline()
    {
        var port = Ports.Free();
        await using var up = new UpProcess(up =>
            $$"""
                apiVersion: mooring.dev/v1alpha1
                kind: ConnectionFleet
                metadata: {name: quickstart}
                spec:
                  gateway:
                    replicas: 1
                    drain: {deadline: 2s}
                  listeners:
                  - {name: long, protocol: TCP, port: {{up.TcpPort}}, backend: long}
                  - {name: short, protocol: TCP, port: {{port}}, backend: short}
                  backends:
                  - name: long
                    drainTimeout: 60s
                    workload: {image: unused, command: [gateway, bench, echo], replicas: 1, env: [{name: LONG, value: before}]}
                  - name: short
                    workload: {image: unused, command: [gateway, bench, echo], replicas: 1, env: [{name: SHORT, value: before}]}

                """
        );
        await up.ReadyAsync();
        using var kept = await up.ConnectAsync();
        (await up.EchoesAsync(kept)).ShouldBeTrue();
        using var cut = await PatientlyConnectAsync(up, port);
        (await up.EchoesAsync(cut)).ShouldBeTrue();

        up.Edit("{name: LONG, value: before}", "{name: LONG, value: after}");
        await up.UntilAsync(
            static fleet => fleet.Endpoints.Any(static endpoint => endpoint is { Backend: "long", State: "Draining" }),
            "the drain"
        );
        up.Edit("{name: SHORT, value: before}", "{name: SHORT, value: after}");
        while (await up.EchoesAsync(cut))
        {
            await Task.Delay(20, up.Deadline);
        }

        (await up.EchoesAsync(kept)).ShouldBeTrue();
        kept.Dispose();
        await up.UntilAsync(static fleet => fleet is { Phase: "Ready", Endpoints.Count: 2 }, "the end of the older ones");
    }

    [Fact]
    public async Task Up_GatewaysScaledOutAndIn_NewOnesServeAndOldOnesDrain()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        up.Edit("replicas: 2 # gateways", "replicas: 3 # gateways");
        await up.UntilAsync(static fleet => fleet is { GatewaysReady: 3, Phase: "Ready" }, "the third gateway");
        var clients = await ConnectAsync(up, 30);
        await up.UntilAsync(static fleet => fleet.Connections == 30, "30 connections");
        up.Edit("replicas: 3 # gateways", "replicas: 1 # gateways");
        // Which of the gateways accepts is the kernel's choice, and one without connections is gone at once.
        await up.UntilAsync(static fleet => fleet.GatewaysDraining > 0 || fleet.Gateways.Count < 3, "the drain");
        (await CountEchoingAsync(up, clients)).ShouldBe(30);
        (await CountEchoingAsync(up, await ConnectAsync(up, 5))).ShouldBe(5);
        clients.ForEach(static client => client.Dispose());
        await up.UntilAsync(static fleet => fleet is { Gateways.Count: 1, Phase: "Ready" }, "one gateway");
    }

    [Fact]
    public async Task Up_ListenerAddedAndRemoved_Follows()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        using var client = await up.ConnectAsync();
        var port = Ports.Free();
        var line = $"  - {{name: more, protocol: TCP, port: {port}, backend: echo}}\n";
        up.Edit("  backends:\n", line + "  backends:\n");
        using var more = await PatientlyConnectAsync(up, port);
        (await up.EchoesAsync(more)).ShouldBeTrue();
        up.Edit(line, "");
        await up.UntilAsync(static fleet => fleet.Listeners.Count == 2 && fleet.ConfigAcked == "2/2", "the removal");
        await RefusedAsync(up, port);
        (await up.EchoesAsync(client)).ShouldBeTrue();
    }

    [Theory]
    [InlineData("perAddress: 1000", "perAdress: 5", "spec.gateway.capacity.perAdress")]
    [InlineData("backend: echo", "backend: nowhere", "spec.listeners[0].backend")]
    [InlineData("name: echo, protocol: TCP, port: ", "name: echo, protocol: TCP, port: 7", "spec.listeners[0].port")]
    [InlineData("spec:", "spec: [\n", "fleet.yaml")]
    public async Task Up_BadEdit_IsReportedAndChangesNothing(string from, string to, string expected)
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        using var client = await up.ConnectAsync();
        var (hash, children) = (up.Fleet!.ConfigHash, up.Children.Count);
        up.Edit(from, to);
        await up.UntilAsync(() => up.Errors.Contains("the edit is not applied", StringComparison.Ordinal), "the report");
        up.Errors.ShouldContain(expected);
        (await up.EchoesAsync(client)).ShouldBeTrue();
        (up.Fleet.ConfigHash, up.Children.Count).ShouldBe((hash, children));
    }

    [Fact]
    public async Task Up_Paused_RunsOnUnchangedUntilItIsNot()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        using var client = await up.ConnectAsync();
        var (hash, children) = (up.Fleet!.ConfigHash, up.Children.Count);
        up.Edit("spec:\n  gateway:\n", "spec:\n  paused: true\n  gateway:\n    image: mooring/gateway:next\n");
        up.Edit("replicas: 2 # gateways", "replicas: 1 # gateways");
        up.Edit("perAddress: 1000", "perAddress: 500");
        await up.UntilAsync(static fleet => fleet.Phase == "Paused", "the pause");
        (await up.EchoesAsync(client)).ShouldBeTrue();
        (up.Fleet.ConfigHash, up.Fleet.Gateways.Count, up.Children.Count).ShouldBe((hash, 2, children));
        client.Dispose();
        up.Edit("  paused: true\n", "");
        await up.UntilAsync(fleet => fleet is { Phase: "Ready", Gateways.Count: 1 } && fleet.ConfigHash != hash, "the edit in force");
    }

    /// <summary>A token that is still to come holds the start up, after the manifest was read.</summary>
    [Fact]
    public async Task Up_EditWhileItStarts_IsInForce()
    {
        var token = Path.Combine(Path.GetTempPath(), $"mooring-token-{Guid.NewGuid():N}");
        using (var made = Process.Start("mkfifo", ["-m", "600", token]))
        {
            await made.WaitForExitAsync();
        }

        try
        {
            await using var up = new UpProcess(Quickstart, "--token-file", token);
            // Opens once it is read.
            var writer = await Task.Run(() => new StreamWriter(new FileStream(token, FileMode.Open, FileAccess.Write)))
                .WaitAsync(up.Deadline);
            await using (writer)
            {
                up.Edit("replicas: 2 # gateways", "replicas: 1 # gateways");
                await writer.WriteAsync("0123456789abcdef");
            }

            await up.UntilAsync(static fleet => fleet is { GatewaysDesired: 1, Gateways.Count: 1, Phase: "Ready" }, "the edit in force")
                .WaitAsync(TimeSpan.FromSeconds(60));
        }
        finally
        {
            File.Delete(token);
        }
    }

    [Fact]
    public async Task Up_NewAndPaused_BeginsWithAsManyAsItSays()
    {
        await using var up = new UpProcess(static up =>
            Quickstart(up)
                .Replace(
                    "spec:\n  gateway:\n",
                    "spec:\n  paused: true\n  scaling: {driver: Operator, minReplicas: 1, maxReplicas: 5, scaleInPaused: true}\n  gateway:\n",
                    StringComparison.Ordinal
                )
        );
        await up.UntilAsync(static fleet => fleet.Phase == "Paused", "the pause");
        (up.Fleet!.GatewaysDesired, up.Fleet.Gateways.Count).ShouldBe((2, 0));

        up.Edit("  paused: true\n", "");

        await up.UntilAsync(static fleet => fleet is { Phase: "Ready", GatewaysReady: 2, GatewaysDesired: 2 }, "both gateways");
    }

    [Fact]
    public async Task Up_WorkloadThatCannotRun_IsRetriedWithBackoffAndTheRestServes()
    {
        await using var up = new UpProcess(static up =>
            Quickstart(up).Replace("command: [gateway, bench, echo, --websocket]", "command: [sh, -c, exit 3]", StringComparison.Ordinal)
        );
        await up.UntilAsync(
            static fleet =>
                fleet.GatewaysReady == 2 && fleet.Endpoints.Any(static endpoint => endpoint is { Backend: "chat", Restarts: >= 3 }),
            "three restarts"
        );
        up.Fleet!.Endpoints.Where(static endpoint => endpoint.Backend == "chat").ShouldAllBe(static endpoint => endpoint.State != "Ready");
        up.Errors.ShouldContain("died with exit code 3; restart in 0.8 s");
        await up.UntilAsync(static fleet => fleet.BackendsReady == 2, "the echo workloads");
        using var client = await up.ConnectAsync();
        (await up.EchoesAsync(client)).ShouldBeTrue();
    }

    [Fact]
    public async Task Up_EditToTwoListenersOnOnePort_IsReportedAndChangesNothing()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        using var client = await up.ConnectAsync();
        up.Edit($"port: {up.WebSocketPort}", $"port: {up.TcpPort}");
        await up.UntilAsync(() => up.Errors.Contains("the edit is not applied", StringComparison.Ordinal), "the report");
        up.Errors.ShouldContain($"spec.listeners[1].port: port {up.TcpPort} is taken by the listener 'echo'");
        (await up.EchoesAsync(client)).ShouldBeTrue();
        up.Fleet!.Listeners.Select(static listener => listener.Port).ShouldBe([up.TcpPort, up.WebSocketPort]);
    }

    [Fact]
    public async Task Up_EditToAPortInUse_IsReportedAndChangesNothing()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        using var other = new TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        var port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        up.Edit("  backends:\n", $"  - {{name: more, protocol: TCP, port: {port}, backend: echo}}\n  backends:\n");
        await up.UntilAsync(() => up.Errors.Contains("the edit is not applied", StringComparison.Ordinal), "the report");
        up.Errors.ShouldContain($"spec.listeners[2].port: listener more cannot have 127.0.0.1:{port}: the port is in use");
        up.Fleet!.Listeners.Count.ShouldBe(2);

        other.Stop();
        await up.UntilAsync(static fleet => fleet.Listeners.Count == 3, "the edit in force, once the port is free");
        up.Errors.Split('\n').Count(static line => line.Contains("the port is in use", StringComparison.Ordinal)).ShouldBe(1);
    }

    /// <summary>Gateways read a Secret as soon as it changes.</summary>
    [Fact]
    public async Task Up_EditToAPortInUse_LeavesTheSecretsAsTheyWere()
    {
        const string secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {word: before}\n";
        await using var up = new UpProcess(static up => Quickstart(up) + secret);
        await up.ReadyAsync();
        var file = Path.Combine(up.StateDirectory, "secrets", "default", "web", "word");
        (await File.ReadAllTextAsync(file, up.Deadline)).ShouldBe("before");
        using var other = new TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        var taken = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        var line = $"  - {{name: more, protocol: TCP, port: {taken}, backend: echo}}\n";
        var text = await File.ReadAllTextAsync(up.ManifestPath, up.Deadline);

        up.Edit(
            text,
            text.Replace("  backends:\n", line + "  backends:\n", StringComparison.Ordinal)
                .Replace("word: before", "word: after", StringComparison.Ordinal)
        );

        await up.UntilAsync(() => up.Errors.Contains("the edit is not applied", StringComparison.Ordinal), "the refusal");
        (await File.ReadAllTextAsync(file, up.Deadline)).ShouldBe("before");

        other.Stop();
        up.Edit("word: after", "word: later");
        await up.UntilAsync(static fleet => fleet.Listeners.Count == 3, "the edit in force");
        await up.UntilAsync(() => File.ReadAllText(file) == "later", "the Secret of the edit, be it that the one before came first");
    }

    [Fact]
    public async Task Up_Terminated_LeavesNothing()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        using var client = await up.ConnectAsync();
        (await up.EchoesAsync(client)).ShouldBeTrue();
        up.Signal(UpProcess.Ignores(Libc.SigInt) ? Libc.SigTerm : Libc.SigInt);
        (await up.ExitAsync()).ShouldBe(0);
        up.Children.Count.ShouldBeGreaterThanOrEqualTo(6);
        up.Children.Where(UpProcess.Runs).ShouldBeEmpty();
        Directory.Exists(up.StateDirectory).ShouldBeFalse();
        await RefusedAsync(up, up.TcpPort);
    }

    [Fact]
    public async Task Up_SupervisorKilled_LeavesNoChild()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        up.Signal(Libc.SigKill);
        await up.ExitAsync();
        await up.UntilAsync(() => !up.Children.Any(UpProcess.Runs) && !Directory.Exists(up.StateDirectory), "the children's end");
    }

    [Fact]
    public async Task Up_BadManifest_ExitsWithTwo()
    {
        await using var up = new UpProcess(static up => Quickstart(up).Replace("port:", "prot:", StringComparison.Ordinal));
        (await up.ExitAsync()).ShouldBe(2);
        up.Errors.ShouldContain("spec.listeners[0].prot");
        up.Errors.ShouldContain("spec.listeners[1].prot");
        Directory.Exists(up.StateDirectory).ShouldBeFalse();
    }

    [Fact]
    public async Task Up_PortInUse_ExitsWithOneAndNamesListenerAndPort()
    {
        using var other = new TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        var port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        await using var up = new UpProcess(up => Quickstart(up).Replace($"port: {up.TcpPort}", $"port: {port}", StringComparison.Ordinal));
        (await up.ExitAsync()).ShouldBe(1);
        up.Errors.ShouldContain($"spec.listeners[0].port: listener echo cannot have 127.0.0.1:{port}: the port is in use");
    }

    [Fact]
    public async Task Up_Http_ServesHealthMetricsAndThePage()
    {
        await using var up = new UpProcess(Quickstart);
        await up.ReadyAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{up.HttpPort}") };
        (await http.GetStringAsync("/healthz", up.Deadline)).ShouldBe("ok\n");
        (await http.GetStringAsync("/readyz", up.Deadline)).ShouldBe("ok\n");
        var metrics = await http.GetStringAsync("/metrics", up.Deadline);
        metrics.ShouldContain("mooring_fleet_ready{fleet=\"default/quickstart\"} 1\n");
        metrics.ShouldContain("mooring_gateway_state{fleet=\"default/quickstart\",gateway=\"quickstart-gateway-0\",state=\"Serving\"} 1\n");
        // What no report says, the gateway says itself.
        metrics.ShouldContain("mooring_gateway_faults_total{fleet=\"default/quickstart\",gateway=\"quickstart-gateway-0\"} 0\n");
        metrics.ShouldContain("process_open_fds{fleet=\"default/quickstart\",gateway=\"quickstart-gateway-0\"} ");
        metrics.Split('\n').Where(static line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).ShouldBeUnique();
        var slow = await http.GetStringAsync("/api/v1/fleets/default/quickstart/hub/slow", up.Deadline);
        slow.ShouldBe("{\"clients\":[],\"silent\":[]}");
        (await http.GetStringAsync("/api/v1/fleets", up.Deadline)).ShouldContain("\"name\":\"quickstart\"");
        using var page = await http.GetAsync("/", up.Deadline);
        page.Headers.GetValues("Content-Security-Policy").Single().ShouldContain("default-src 'none'");
        (await page.Content.ReadAsStringAsync(up.Deadline)).ShouldNotContain("innerHTML");

        // The stream is for children on the Unix socket, not for whoever finds the port.
        using var stranger = new ClientWebSocket();
        stranger.Options.AddSubProtocol(Mooring.Contracts.Stream.StreamLimits.Subprotocol);
        await stranger.ConnectAsync(new Uri($"ws://127.0.0.1:{up.HttpPort}{Mooring.Contracts.Stream.StreamLimits.Path}"), up.Deadline);
        var hello = """{"type":"hello","fleet":"default/quickstart","gateway":"quickstart-gateway-0","version":"1"}""";
        await stranger.SendAsync(Encoding.UTF8.GetBytes(hello), WebSocketMessageType.Text, true, up.Deadline);
        (await stranger.ReceiveAsync(new byte[1024], up.Deadline)).MessageType.ShouldBe(WebSocketMessageType.Close);
        (stranger.CloseStatusDescription ?? "").ShouldContain("streams come by the Unix socket");
    }

    internal static string Quickstart(UpProcess up) =>
        $"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata:
              name: quickstart
            spec:
              gateway:
                replicas: 2 # gateways
                capacity:
                  maxConnections: 10000
                  perAddress: 1000
                drain: {"{lameDuck: 1s, deadline: 60s}"}
              listeners:
              - {"{"}name: echo, protocol: TCP, port: {up.TcpPort}, backend: echo{"}"}
              - {"{"}name: live, protocol: WebSocket, port: {up.WebSocketPort}, backend: chat{"}"}
              backends:
              - name: echo
                workload:
                  image: mooring/gateway:dev
                  command: [gateway, bench, echo]
                  replicas: 2 # echo
              - name: chat
                workload:
                  image: mooring/gateway:dev
                  command: [gateway, bench, echo, --websocket]
                  replicas: 2

            """;

    private static async Task<List<TcpClient>> ConnectAsync(UpProcess up, int count)
    {
        var clients = new List<TcpClient>();
        for (var i = 0; i < count; i++)
        {
            clients.Add(await up.ConnectAsync());
        }

        return clients;
    }

    private static async Task<int> CountEchoingAsync(UpProcess up, IEnumerable<TcpClient> clients) =>
        (await Task.WhenAll(clients.Select(up.EchoesAsync))).Count(static echoes => echoes);

    private static async Task<bool> WebSocketEchoesAsync(UpProcess up)
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{up.WebSocketPort}/"), up.Deadline);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, up.Deadline);
        var buffer = new byte[64];
        var result = await socket.ReceiveAsync(buffer, up.Deadline);
        return Encoding.UTF8.GetString(buffer, 0, result.Count) == "hello";
    }

    private static async Task<TcpClient> PatientlyConnectAsync(UpProcess up, int port)
    {
        while (true)
        {
            var client = new TcpClient();
            try
            {
                await client.ConnectAsync(System.Net.IPAddress.Loopback, port, up.Deadline);
                return client;
            }
            catch (SocketException)
            {
                client.Dispose();
                await Task.Delay(50, up.Deadline);
            }
        }
    }

    private static async Task RefusedAsync(UpProcess up, int port)
    {
        while (await Mooring.Operator.Host.Sockets.FreePorts.AcceptsAsync(port, up.Deadline))
        {
            await Task.Delay(50, up.Deadline);
        }
    }
}

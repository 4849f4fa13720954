using System.Net;
using System.Net.Sockets;
using Mooring.Operator.Host.Processes;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

/// <summary>Fleets that are taken out of the manifest, and what comes while their last connections end.</summary>
[Collection(nameof(UpTests))]
public sealed class StopUpTests
{
    private const string Nothing = "# nothing\n";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly int _port = Ports.Free();

    [Fact]
    public async Task Up_FleetPutBackWhileItDrains_GoesOnWithItsConnections()
    {
        await using var up = new UpProcess(Manifest);
        using var client = await ConnectAsync(up);
        var process = await DrainAsync(up);

        up.Edit(Nothing, Other());

        await up.UntilAsync(
                () => up.Find("other") is { Phase: "Ready", Gateways: [{ State: "Serving" } gateway] } && gateway.ProcessId == process,
                "the fleet serves again"
            )
            .WaitAsync(Patience);
        (await up.EchoesAsync(client)).ShouldBeTrue(up.Errors);
        using var another = await ConnectAsync(up);
        (await up.EchoesAsync(another)).ShouldBeTrue(up.Errors);
    }

    /// <summary>The others are as they are wanted, and so is the one that ends.</summary>
    [Fact]
    public async Task Up_FleetTakenOutWithAConnection_MakesTheHostNeitherUnreadyNorDegraded()
    {
        await using var up = new UpProcess(Manifest);
        using var client = await ConnectAsync(up);
        await up.UntilAsync(() => up.Find("quickstart")?.Phase == "Ready", "the fleet that stays");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{up.HttpPort}") };
        (await http.GetStringAsync("/readyz", up.Deadline)).ShouldBe("ok\n");

        await DrainAsync(up);

        await up.UntilAsync(() => up.Find("other")!.GatewaysReady == 0, "a status of the drain");
        (await http.GetStringAsync("/readyz", up.Deadline)).ShouldBe("ok\n");
        var metrics = await http.GetStringAsync("/metrics", up.Deadline);
        metrics.ShouldContain("mooring_fleet_ready{fleet=\"default/quickstart\"} 1\n");
        metrics.ShouldNotContain("mooring_fleet_ready{fleet=\"default/other\"}");
        client.Close();
        await up.UntilAsync(() => up.Find("other") is { Gateways.Count: 0 }, "its end");
        up.Errors.ShouldNotContain("degraded");
    }

    /// <summary>The end of everything has a time of its own, which is the shorter one.</summary>
    [Fact]
    public async Task Up_TerminatedWhileAFleetDrains_EndsInTheTimeOfTheHost()
    {
        await using var up = new UpProcess(Manifest, "--drain", "1s");
        using var client = await ConnectAsync(up);
        await DrainAsync(up);

        up.Signal(Libc.SigTerm);

        (await up.ExitAsync().WaitAsync(Patience)).ShouldBe(0);
        up.Children.Where(UpProcess.Runs).ShouldBeEmpty();
    }

    /// <summary>Who asks for the end at once gets no new processes.</summary>
    [Fact]
    public async Task Up_TerminatedOnceMore_StartsNothingAnew()
    {
        await using var up = new UpProcess(
            up => Fleet("other", _port, "[sh, -c, \"trap '' TERM; echo started; exec gateway bench echo\"]"),
            "--drain",
            "60s"
        );
        using var client = await ConnectAsync(up);
        up.Signal(Libc.SigTerm);
        await up.UntilAsync(() => up.Find("other") is { Gateways: [{ State: "Draining" }] }, "a drain");

        var exit = up.ExitAsync();
        await Until.TrueAsync(
            () =>
            {
                // Again, for as long as two count as one.
                _ = Libc.Kill(up.Id, Libc.SigTerm);
                return exit.IsCompleted;
            },
            Patience,
            "the end"
        );

        up.Errors.Split('\n').Count(static line => line.EndsWith("] started", StringComparison.Ordinal)).ShouldBe(1, up.Errors);
    }

    /// <summary>Takes the fleet out; returns the process of its gateway, which drains by then.</summary>
    private async Task<int> DrainAsync(UpProcess up)
    {
        up.Edit(Other(), Nothing);
        await up.UntilAsync(() => up.Find("other") is { Gateways: [{ State: "Draining" }] }, "a drain");
        return up.Find("other")!.Gateways[0].ProcessId;
    }

    private async Task<TcpClient> ConnectAsync(UpProcess up)
    {
        await up.UntilAsync(() => up.Find("other")?.Phase == "Ready", "the other fleet");
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _port, up.Deadline);
        (await up.EchoesAsync(client)).ShouldBeTrue(up.Errors);
        return client;
    }

    private string Manifest(UpProcess up) => Fleet("quickstart", up.TcpPort) + "---\n" + Other();

    private string Other() => Fleet("other", _port);

    private static string Fleet(string name, int port, string command = "[gateway, bench, echo]") =>
        $$$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: {{{name}}}}
            spec:
              gateway: {replicas: 1, drain: {deadline: 9m}}
              listeners:
              - {name: echo, protocol: TCP, port: {{{port}}}, backend: echo}
              backends:
              - name: echo
                workload: {image: "mooring/gateway:dev", command: {{{command}}}, replicas: 1}

            """;
}

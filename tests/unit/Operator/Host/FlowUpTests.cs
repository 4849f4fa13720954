using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Operator.Tests.Host;

/// <summary>Host mode replaces its gateways while UDP flows are open: the programs themselves.</summary>
[Collection(nameof(UpTests))]
public sealed class FlowUpTests
{
    private const int Replace = 12;
    private const int Flows = 40;

    [Fact]
    public async Task Up_GatewaysReplacedAndScaledIn_FlowsKeepTheirSockets()
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var peers = new ConcurrentDictionary<string, int>();
        var port = ((IPEndPoint)server.LocalEndPoint!).Port;
        await using var up = new UpProcess(up => Manifest(up, port));
        _ = ServeAsync(server, peers, up.Deadline);
        await up.ReadyAsync();
        using var end = new CancellationTokenSource();
        var talking = Enumerable.Range(0, Flows).Select(_ => TalkAsync(up, end.Token)).ToList();
        await up.UntilAsync(fleet => peers.Count >= Flows && fleet.Connections == Flows, "all flows");
        for (var round = 0; round < 2; round++)
        {
            var before = up.Fleet!.Gateways.Select(static gateway => gateway.ProcessId).ToHashSet();
            up.Signal(Replace);
            await up.UntilAsync(
                fleet =>
                    fleet is { GatewaysReady: 2, GatewaysDraining: 0, Gateways.Count: 2 }
                    && !fleet.Gateways.Any(gateway => before.Contains(gateway.ProcessId)),
                "the replacement, long before any session times out"
            );
        }

        up.Edit("replicas: 2 # gateways", "replicas: 1 # gateways");
        await up.UntilAsync(static fleet => fleet is { Gateways.Count: 1, Connections: Flows }, "one gateway with every flow");
        await end.CancelAsync();
        (await Task.WhenAll(talking).WaitAsync(up.Deadline)).ShouldAllBe(static answers => answers > 0);
        peers.Count.ShouldBe(Flows);
    }

    private static async Task ServeAsync(Socket server, ConcurrentDictionary<string, int> peers, CancellationToken end)
    {
        var buffer = new byte[1000];
        while (!end.IsCancellationRequested)
        {
            var received = await server.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), end);
            peers.AddOrUpdate(received.RemoteEndPoint.ToString()!, 1, static (_, count) => count + 1);
            await server.SendToAsync(buffer.AsMemory(0, received.ReceivedBytes), SocketFlags.None, received.RemoteEndPoint, end);
        }
    }

    /// <summary>Asks and waits for the answer, over and over; where none comes within two seconds, asks again.</summary>
    private static async Task<int> TalkAsync(UpProcess up, CancellationToken end)
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await client.ConnectAsync(IPAddress.Loopback, up.TcpPort, up.Deadline);
        var buffer = new byte[100];
        var answers = 0;
        while (!end.IsCancellationRequested)
        {
            await client.SendAsync(BitConverter.GetBytes(answers), SocketFlags.None, up.Deadline);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(up.Deadline);
            limit.CancelAfter(TimeSpan.FromSeconds(2));
            try
            {
                await client.ReceiveAsync(buffer, SocketFlags.None, limit.Token);
                answers++;
            }
            catch (OperationCanceledException) when (!up.Deadline.IsCancellationRequested)
            {
                // Once more.
            }
        }

        return answers;
    }

    private static string Manifest(UpProcess up, int backend) =>
        $"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata:
              name: flows
            spec:
              gateway:
                replicas: 2 # gateways
                drain: {"{lameDuck: 1s, deadline: 60s}"}
              listeners:
              - {"{"}name: media, protocol: UDP, port: {up.TcpPort}, backend: app{"}"}
              backends:
              - name: app
                addresses: [{"{"}address: '127.0.0.1:{backend}'{"}"}]

            """;
}

using Mooring.Contracts.Stream;

namespace Mooring.Api.Tests.Operators;

/// <summary>The streams of a fleet's gateway pods, which say whatever load the test wants.</summary>
internal sealed class FakeLoad : IAsyncDisposable
{
    private readonly List<FakeGateway> _gateways = [];
    private readonly List<Task> _receiving = [];

    /// <summary>Connects one for each gateway pod that there is.</summary>
    public static async Task<FakeLoad> StartAsync(FleetFixture fleet)
    {
        var load = new FakeLoad();
        var map = await fleet.Kubectl.GetAsync("configmap", "quickstart-gateway", "-n", fleet.Namespace);
        var pods = await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=gateway");
        foreach (var pod in pods["items"]!.AsArray().Select(item => (string)item!["metadata"]!["name"]!))
        {
            var token = await fleet.Kubectl.RunAsync(
                "create",
                "token",
                "quickstart-gateway",
                "--audience=mooring",
                "--bound-object-kind=Pod",
                $"--bound-object-name={pod}",
                "-n",
                fleet.Namespace
            );
            var gateway = await FakeGateway.ConnectAsync(
                fleet.Operator.StreamPort,
                (string)map["data"]!["ca.crt"]!,
                token.Trim(),
                $"{fleet.Namespace}/quickstart",
                pod
            );
            load._gateways.Add(gateway);
            // Acknowledges configs, and answers the operator's pings.
            load._receiving.Add(DrainAsync(gateway));
        }

        return load;
    }

    /// <summary>Each says so much.</summary>
    public async Task ReportAsync(int connections, int capacity, CapacityBound bound = CapacityBound.Configured)
    {
        foreach (var gateway in _gateways)
        {
            await gateway.SendAsync(
                new ReportMessage
                {
                    State = GatewayState.Serving,
                    Connections = connections,
                    Capacity = capacity,
                    CapacityBound = bound,
                }
            );
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var gateway in _gateways)
        {
            await gateway.DisposeAsync();
        }

        await Task.WhenAll(_receiving);
    }

    private static async Task DrainAsync(FakeGateway gateway)
    {
        try
        {
            while (await gateway.ReceiveAsync<DirectiveMessage>() is not null) { }
        }
        catch (Exception error)
            when (error
                    is System.Net.WebSockets.WebSocketException
                        or OperationCanceledException
                        or ObjectDisposedException
                        or InvalidOperationException
            )
        {
            // The test has ended.
        }
    }
}

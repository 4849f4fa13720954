using System.Diagnostics;

namespace Mooring.Conformance.Tests.Hub;

/// <summary>Several gateways with the npm package <c>centrifuge</c>: what one is told all know, and what goes wrong is healed or said.</summary>
public sealed class HubFleetTests
{
    private const string Script = "Hub/fleet.mjs";

    [NodeTheory]
    [InlineData(1, false, "json")]
    [InlineData(1, false, "protobuf")]
    [InlineData(2, true, "json")]
    [InlineData(2, true, "protobuf")]
    public async Task Queues_EveryJobIsDone(int gateways, bool shared, string encoding)
    {
        await using var fleet = await HubFleet.StartAsync(gateways, shared);

        await Node.RunAsync(Script, "queues", encoding, string.Join(',', fleet.Ports));
    }

    [NodeTheory]
    [InlineData("json")]
    [InlineData("protobuf")]
    public async Task Redis_DiesAndComesBackEmpty_LocalDeliveryGoesOnAndTheLossIsSaid(string encoding)
    {
        await using var fleet = await HubFleet.StartAsync(2, shared: true);
        using var node = await Node.StartAsync(Script, "redis", encoding, string.Join(',', fleet.Ports));

        await ExpectAsync(node, "KILL");
        fleet.Redis!.Kill();
        await node.StandardInput.WriteLineAsync("killed");
        await ExpectAsync(node, "START");
        await fleet.Redis.StartAgainAsync();
        await node.StandardInput.WriteLineAsync("started");

        await Node.ExpectOkAsync(node);
    }

    [NodeFact]
    public async Task Gateway_KilledOutright_ItsClientsAreBackOnTheOthersAtTheirPaceAndMissNothing()
    {
        await using var fleet = await HubFleet.StartAsync(4, shared: true, connectsPerSecond: 20);
        using var node = await Node.StartAsync(Script, "storm", "json", string.Join(',', fleet.Ports));

        await ExpectAsync(node, "KILL");
        await fleet.KillAsync(3);
        await node.StandardInput.WriteLineAsync("killed");

        await Node.ExpectOkAsync(node);
    }

    private static async Task ExpectAsync(Process node, string line)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        (await node.StandardOutput.ReadLineAsync(limit.Token)).ShouldBe(line);
    }
}

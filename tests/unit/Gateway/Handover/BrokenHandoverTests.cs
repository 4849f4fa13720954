using Mooring.Gateway.Handover;
using Mooring.Gateway.Tests.Listeners;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>A successor that dies, hangs or refuses in the middle: each connection is one process's, and none is lost.</summary>
public sealed class BrokenHandoverTests
{
    private const int Connections = 150;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Give_SuccessorDiesOrHangsAfterTheFirstBatch_TheRestStays(bool hangs)
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        await two.ApplyAsync(EngineHarness.Config(port, server.Port));
        var clients = await EngineProbes.ConnectManyAsync(port, Connections);
        (await EngineProbes.CountServedAsync(clients)).ShouldBe(Connections);
        var (giving, taking) = await HandoverPair.ConnectAsync(hangs ? TimeSpan.FromMilliseconds(300) : null);
        var giver = new HandoverGiver(one.Engine);
        List<HandoverLink> links = [giving];
        var pass = giver.PassAsync(links, CancellationToken.None);
        var taken = await TakeOneAsync(taking, two.Engine);
        var next = (await taking.ReadAsync(CancellationToken.None)).ShouldNotBeNull();
        next.Type.ShouldBe(LinkMessage.Batch);
        foreach (var descriptor in next.Descriptors)
        {
            descriptor.Dispose();
        }

        if (!hangs)
        {
            taking.Dispose();
        }

        (await pass.WaitAsync(EngineHarness.Patience)).ShouldBe(taken);
        links.ShouldBeEmpty();
        if (hangs)
        {
            // Too late: the kernel says so, and the successor knows that nothing is its own.
            await Should.ThrowAsync<IOException>(taking.AckAsync([], CancellationToken.None));
            taking.Dispose();
        }

        one.Engine.Connections.ShouldBe(Connections - taken);
        two.Engine.Connections.ShouldBe(taken);
        (await EngineProbes.CountServedAsync(clients)).ShouldBe(Connections);

        // And another successor gets what is left.
        await HandoverPair.MoveAllAsync(one.Engine, two.Engine);
        two.Engine.Connections.ShouldBe(Connections);
        (await EngineProbes.CountServedAsync(clients)).ShouldBe(Connections);
        clients.ForEach(client => client.Dispose());
        await two.NoneOpenAsync();
    }

    [Fact]
    public async Task Give_SuccessorRefusesSome_ThoseStay()
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        var clients = await EngineProbes.ConnectManyAsync(port, 10);
        (await EngineProbes.CountServedAsync(clients)).ShouldBe(10);
        var (giving, taking) = await HandoverPair.ConnectAsync();
        using var _ = giving;
        using var __ = taking;
        var pass = new HandoverGiver(one.Engine).PassAsync([giving], CancellationToken.None);
        var batch = (await taking.ReadAsync(CancellationToken.None)).ShouldNotBeNull();
        batch.Descriptors.Count.ShouldBe(20);
        await taking.AckAsync([.. Enumerable.Range(2, 8)], CancellationToken.None);
        (await pass).ShouldBe(2);
        one.Engine.Connections.ShouldBe(8);

        // The two are nobody's here; the others are served on.
        foreach (var descriptor in batch.Descriptors)
        {
            descriptor.Dispose();
        }

        (await EngineProbes.CountServedAsync(clients)).ShouldBe(8);
        clients.ForEach(client => client.Dispose());
        await one.NoneOpenAsync();
    }

    [Theory]
    [InlineData(new byte[] { 9 }, "instead of a batch")]
    [InlineData(new byte[] { 5 }, "batch of connections")]
    [InlineData(new byte[] { 5, 1, 0, 255, 255, 255, 127 }, "batch of connections, [0]")]
    public async Task Take_Nonsense_IsAnErrorAndHarmsNothing(byte[] message, string expected)
    {
        await using var gateway = new EngineHarness();
        var (giving, taking) = await HandoverPair.ConnectAsync();
        using var _ = giving;
        using var __ = taking;
        await giving.SendAsync((LinkMessage)message[0], message.AsMemory(1), CancellationToken.None);
        (
            await Should.ThrowAsync<InvalidDataException>(HandoverTaker.RunAsync(taking, gateway.Engine, CancellationToken.None))
        ).Message.ShouldContain(expected);
        gateway.Engine.Connections.ShouldBe(0);
    }

    [Fact]
    public async Task Take_RecordsWithoutTheirDescriptors_IsAnErrorAndTakesNoPlace()
    {
        await using var gateway = new EngineHarness();
        var (giving, taking) = await HandoverPair.ConnectAsync();
        using var _ = giving;
        using var __ = taking;
        await giving.SendAsync(LinkMessage.Batch, RecordCodec.Write([RecordCodecTests.Sample()]), CancellationToken.None);
        (
            await Should.ThrowAsync<InvalidDataException>(HandoverTaker.RunAsync(taking, gateway.Engine, CancellationToken.None))
        ).Message.ShouldContain("1 connections came with 0 descriptors");
        gateway.Engine.Connections.ShouldBe(0);
    }

    private static async Task<int> TakeOneAsync(HandoverLink taking, GatewayEngine engine)
    {
        var batch = (await taking.ReadAsync(CancellationToken.None)).ShouldNotBeNull();
        var records = RecordCodec.Read(batch.Body);
        var arrivals = records
            .Select(
                (record, i) => engine.Arrivals.Admit(record, [batch.Descriptors[2 * i], batch.Descriptors[(2 * i) + 1]]).ShouldNotBeNull()
            )
            .ToList();
        await taking.AckAsync([], CancellationToken.None);
        await engine.Arrivals.SettleAsync(arrivals);
        return arrivals.Count;
    }
}

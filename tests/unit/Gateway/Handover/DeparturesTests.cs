using Mooring.Contracts.Configuration;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>What is taken together is never more than the other side reads in one message.</summary>
public sealed class DeparturesTests
{
    private const int Small = 61;

    [Fact]
    public async Task Take_KeptProxyHeadersAndMuchThatWaits_IsNeverMoreThanABatch()
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = (await one.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        config = config with
        {
            Listeners = [config.Listeners[0] with { ProxyProtocol = new ProxyProtocolConfig { Trusted = ["127.0.0.0/8"] } }],
        };
        await one.ApplyAsync(config);
        await two.ApplyAsync(config);
        var clients = await EngineProbes.ConnectManyAsync(port, Small + 1);
        foreach (var client in clients)
        {
            await client.SendAsync(Header());
        }

        (await EngineProbes.CountServedAsync(clients)).ShouldBe(clients.Count);
        var loop = one.Engine.Loops[0];
        var departures = new Departures(loop);
        var candidates = new Queue<OpenConnection>();
        var batch = await loop.InvokeAsync(() =>
        {
            departures.List().ForEach(candidates.Enqueue);
            KeepWaiting(loop, candidates);
            return departures.Take(candidates);
        });
        var (giving, taking) = await HandoverPair.ConnectAsync();
        using var _ = taking;
        var taken = HandoverTaker.RunAsync(taking, two.Engine, CancellationToken.None);
        for (; batch is not null; batch = await loop.InvokeAsync(() => departures.Take(candidates)))
        {
            batch.Write().Length.ShouldBeLessThan(RecordCodec.MaxBatch, $"{batch.Count} connections");
            (await giving.GiveAsync(batch)).ShouldNotBeNull("the other side has read it").ShouldBeEmpty();
            var left = batch;
            await loop.InvokeAsync(() =>
            {
                for (var i = 0; i < left.Count; i++)
                {
                    left.Left(i);
                }

                return true;
            });
        }

        giving.Dispose();
        (await taken.WaitAsync(EngineHarness.Patience)).ShouldBe(clients.Count);
        one.Engine.Connections.ShouldBe(0);
        clients.ForEach(client => client.Dispose());
        await two.NoneOpenAsync();
    }

    /// <summary>4,000 bytes for each client but the last, for which as much waits as may be handed over, each way.</summary>
    private static unsafe void KeepWaiting(RelayLoop loop, Queue<OpenConnection> connections)
    {
        var data = new byte[RecordCodec.MaxPending];
        var place = 0;
        foreach (var connection in connections)
        {
            var client = loop.Table[connection.Descriptor];
            fixed (byte* start = data)
            {
                if (place++ < Small)
                {
                    client->Pending = loop.Pending.Store(start, 4000);
                    continue;
                }

                client->Pending = loop.Pending.Store(start, data.Length);
                loop.Table[client->Peer]->Pending = loop.Pending.Store(start, data.Length);
            }
        }
    }

    /// <summary>As long as one may be, and kept for its unique id.</summary>
    private static byte[] Header()
    {
        var written = new byte[ProxyHeader.MaxWrittenBytes];
        var (client, server) = (new byte[] { 203, 0, 113, 7 }, new byte[] { 198, 51, 100, 1 });
        var length = ProxyHeaderWriter.WriteV2(
            new ProxyAddresses(NetworkAddress.From(new(client)), 4321, NetworkAddress.From(new(server)), 443),
            new ProxyWords { UniqueId = "id-1"u8 },
            crc32C: false,
            written
        );
        var header = new byte[ProxyHeader.MaxBytes];
        written.AsSpan(0, length).CopyTo(header);
        // The rest is one TLV that says nothing (PP2_TYPE_NOOP, §2.2.4), behind the 16 bytes whose last two are the length of all others.
        header[length] = 0x04;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(length + 1), (ushort)(header.Length - length - 3));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(14), (ushort)(header.Length - 16));
        return header;
    }
}

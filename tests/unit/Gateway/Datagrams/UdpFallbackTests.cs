using System.Buffers.Binary;
using Mooring.Gateway.Datagrams;

namespace Mooring.Gateway.Tests.Datagrams;

/// <summary>On a kernel that has no bundles of datagrams, or only one kind, everything goes the same way singly.</summary>
public sealed class UdpFallbackTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task Bursts_WithoutBundles_ArriveWholeAndInOrder(bool segmentation, bool coalescing)
    {
        // Three for each, so that answers come in bursts too.
        using var server = new UdpServer(data => [data, data, data]);
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            options: options => options with { Datagrams = new DatagramSupport(segmentation, coalescing) }
        );
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(async number =>
                {
                    using var client = gateway.Client();
                    for (var burst = 0; burst < 10; burst++)
                    {
                        var random = new Random((number * 100) + burst);
                        // Of one size mostly, as bundles are made of.
                        var sent = Enumerable.Range(0, 16).Select(i => Message(burst, i, i == 11 ? 40 : 900, random)).ToList();
                        foreach (var message in sent)
                        {
                            await client.SendAsync(message);
                        }

                        foreach (var message in sent.SelectMany(message => Enumerable.Repeat(message, 3)))
                        {
                            (await client.ReceiveAsync()).ShouldBe(message);
                        }
                    }
                })
        );
        gateway.Load.Datagrams!.ReceivedTotal.ShouldBe(8 * 10 * 16);
        gateway.Load.Datagrams.SentTotal.ShouldBe(8 * 10 * 16 * 3);
        gateway.Load.Datagrams.DroppedTotal.ShouldBeEmpty();
    }

    private static byte[] Message(int burst, int number, int length, Random random)
    {
        var message = new byte[length];
        random.NextBytes(message);
        BinaryPrimitives.WriteInt32LittleEndian(message, burst);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), number);
        return message;
    }
}

using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Mooring.Contracts.Handover;

namespace Mooring.Gateway.Handover;

/// <summary>First byte of every message between two gateways.</summary>
internal enum LinkMessage : byte
{
    /// <summary><see cref="HandoverHello"/> as JSON; first, each way.</summary>
    Hello = 1,

    /// <summary>Successor: serves the sockets it was given.</summary>
    Ready = 2,

    /// <summary>Predecessor: its admin address is free.</summary>
    Released = 3,

    /// <summary>Successor: stands on its own; now the connections.</summary>
    Go = 4,

    /// <summary>Connections, by <see cref="RecordCodec"/>, with their descriptors. Answered by one <see cref="Ack"/>.</summary>
    Batch = 5,

    /// <summary>The batch's connections are the receiver's, but for those listed: 2 bytes each, little-endian, of their places in the batch.</summary>
    Ack = 6,

    /// <summary>UDP flows, by <see cref="FlowCodec"/>, as <see cref="Batch"/>.</summary>
    Flows = 7,

    /// <summary>Predecessor: reads from the ports' UDP sockets no more, and its clients' datagrams do not come there any more.</summary>
    DatagramsLeft = 8,
}

/// <summary>A Unix socket between two gateways, of which one hands over to the other.</summary>
/// <remarks>
/// Who owns a connection is decided by one thing alone: whether its batch's ack was put into the socket. The giver has stopped touching the
/// connection before it sends the batch, and the taker begins after it has sent the ack. A giver that waits no longer shuts the socket down
/// first and then looks whether an ack is in it: the kernel refuses an ack that comes after the shutdown (EPIPE), and keeps one that came before. So
/// whatever breaks and when, exactly one of the two goes on. For one user at a time.
/// </remarks>
internal sealed class HandoverLink(Socket socket) : IDisposable
{
    /// <summary>Time for each other step.</summary>
    public static readonly TimeSpan StepTimeout = TimeSpan.FromSeconds(15);

    private readonly DescriptorReader _reader = new(socket, RecordCodec.MaxBatch);

    /// <summary>A batch that was not answered by then was not taken. Default 5 s.</summary>
    public TimeSpan AckTimeout { get; init; } = TimeSpan.FromSeconds(5);

    public Socket Socket => socket;

    public Task SendAsync(LinkMessage type, ReadOnlyMemory<byte> body, CancellationToken cancel) => SendAsync(type, body, [], cancel);

    /// <summary>Waits for the next message; null when the other side has closed.</summary>
    /// <exception cref="IOException">The link broke; so do the others of <see cref="DescriptorReader.ReadAsync"/>.</exception>
    public async Task<(LinkMessage Type, byte[] Body, IReadOnlyList<DescriptorHandle> Descriptors)?> ReadAsync(CancellationToken cancel) =>
        await _reader.ReadAsync(cancel) is { } message ? ((LinkMessage)message.Bytes[0], message.Bytes[1..], message.Descriptors) : null;

    /// <summary>Waits for a message of this kind, without descriptors, and returns what is in it.</summary>
    /// <exception cref="IOException">It did not come, in time or at all.</exception>
    public async Task<byte[]> ExpectAsync(LinkMessage type, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(StepTimeout);
        try
        {
            var message = await ReadAsync(limit.Token) ?? throw new IOException($"the other gateway left before {type}");
            foreach (var descriptor in message.Descriptors)
            {
                descriptor.Dispose();
            }

            return message.Type == type ? message.Body : throw new InvalidDataException($"{message.Type} came instead of {type}");
        }
        catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
        {
            throw new IOException($"{type} did not come within {StepTimeout.TotalSeconds:0} s", late);
        }
    }

    /// <summary>Hands connections over. Once it returns it is settled whose each of them is.</summary>
    /// <returns>Places in the batch that the other side did not take; null: it took none, and the link is of no more use.</returns>
    public async Task<IReadOnlySet<int>?> GiveAsync(DepartureBatch batch)
    {
        DescriptorHandle[] descriptors = [.. batch.Descriptors.Select(descriptor => new DescriptorHandle(descriptor, owned: false))];
        using var limit = new CancellationTokenSource(AckTimeout);
        try
        {
            await SendAsync(batch.Kind, batch.Write(), descriptors, limit.Token);
            return await ReadAckAsync(batch.Count, limit.Token);
        }
        catch (Exception problem) when (problem is IOException or SocketException or OperationCanceledException)
        {
            return await GiveUpAsync(batch.Count);
        }
        catch (InvalidDataException)
        {
            // It speaks something else, so it took nothing that it knew of.
            return null;
        }
    }

    /// <summary>Says that all but <paramref name="refused"/> of a batch are this process's now. Throws, and then none of them is, when it could not be said.</summary>
    public Task AckAsync(IReadOnlyList<int> refused, CancellationToken cancel)
    {
        var body = new byte[refused.Count * sizeof(ushort)];
        for (var i = 0; i < refused.Count; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(body.AsSpan(i * sizeof(ushort)), (ushort)refused[i]);
        }

        return SendAsync(LinkMessage.Ack, body, cancel);
    }

    public void Dispose() => socket.Dispose();

    private async Task SendAsync(
        LinkMessage type,
        ReadOnlyMemory<byte> body,
        IReadOnlyList<SafeHandle> descriptors,
        CancellationToken cancel
    )
    {
        var bytes = new byte[1 + body.Length];
        bytes[0] = (byte)type;
        body.Span.CopyTo(bytes.AsSpan(1));
        await DescriptorWriter.SendAsync(socket, bytes, descriptors, cancel);
    }

    private async Task<IReadOnlySet<int>?> ReadAckAsync(int count, CancellationToken cancel)
    {
        if (await ReadAsync(cancel) is not { } answer)
        {
            return null;
        }

        if (answer.Type != LinkMessage.Ack || answer.Body.Length % sizeof(ushort) != 0)
        {
            throw new InvalidDataException($"{answer.Type} of {answer.Body.Length} bytes came instead of an ack");
        }

        var refused = new HashSet<int>();
        for (var at = 0; at < answer.Body.Length; at += sizeof(ushort))
        {
            var place = BinaryPrimitives.ReadUInt16LittleEndian(answer.Body.AsSpan(at));
            if (place >= count)
            {
                throw new InvalidDataException($"the ack names connection {place} of {count}");
            }

            refused.Add(place);
        }

        return refused;
    }

    private async Task<IReadOnlySet<int>?> GiveUpAsync(int count)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The other side has closed already: no ack comes any more.
        }

        try
        {
            // After the shutdown this returns at once: what is in the socket, or its end.
            return await ReadAckAsync(count, CancellationToken.None);
        }
        catch (Exception problem) when (problem is IOException or SocketException or InvalidDataException)
        {
            return null;
        }
    }
}

using System.Buffers.Binary;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>Sends messages that no two are alike on a set of connections, and checks that exactly they come back.</summary>
/// <remarks>One message is under way on a connection at most. Nothing is allocated per message. Used by one thread.</remarks>
internal sealed unsafe class EchoMessages(Clients clients, int messageBytes) : Echoes
{
    private readonly byte[] _sent = new byte[messageBytes];
    private readonly byte[] _received = new byte[messageBytes * clients.Count];
    private readonly int[] _receivedBytes = new int[clients.Count];
    private readonly long[] _sequence = new long[clients.Count];

    /// <summary>Sends the next message. The last one must have come back.</summary>
    /// <exception cref="LoadFailedException">The connection does not take a whole message, though it is empty.</exception>
    public override void Send(int index)
    {
        _receivedBytes[index] = 0;
        _sequence[index]++;
        Compose(index);
        fixed (byte* bytes = _sent)
        {
            var length = clients.Send(index, bytes, messageBytes);
            if (length != messageBytes)
            {
                throw length < 0
                    ? new LoadFailedException(new SocketFailureException($"send on connection {index}").Message)
                    : new LoadFailedException($"connection {index} took {length} of {messageBytes} bytes");
            }
        }
    }

    /// <summary>Reads what has come. Returns true when the echo is complete and right.</summary>
    /// <exception cref="LoadFailedException">Other bytes came back, or the connection was closed.</exception>
    public override bool Receive(int index)
    {
        var have = _receivedBytes[index];
        fixed (byte* bytes = &_received[(long)index * messageBytes])
        {
            var length = clients.Receive(index, bytes + have, messageBytes - have);
            if (length <= 0)
            {
                return length < 0 && Libc.Errno is Libc.EAGAIN or Libc.EINTR
                    ? false
                    : throw new LoadFailedException(
                        length == 0
                            ? $"connection {index} was closed with {have} of {messageBytes} bytes of its echo"
                            : new SocketFailureException($"recv on connection {index}").Message
                    );
            }

            _receivedBytes[index] = have += (int)length;
        }

        if (have < messageBytes)
        {
            return false;
        }

        Compose(index);
        return _received.AsSpan(index * messageBytes, messageBytes).SequenceEqual(_sent)
            ? true
            : throw new LoadFailedException($"echo {_sequence[index]} on connection {index} differs from what was sent");
    }

    // Connection and sequence first, so that a message on the wrong connection, an old one or a mixed one shows.
    private void Compose(int index)
    {
        var message = _sent.AsSpan();
        BinaryPrimitives.WriteInt64LittleEndian(message, index);
        BinaryPrimitives.WriteInt64LittleEndian(message[8..], _sequence[index]);
        Pattern.At(_sequence[index], messageBytes - 16).CopyTo(message[16..]);
    }
}

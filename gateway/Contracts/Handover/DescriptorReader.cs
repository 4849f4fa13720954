using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Mooring.Contracts.Handover;

/// <summary>Reads messages with the descriptors that came along from a connected Unix stream socket.</summary>
/// <remarks>
/// On the wire: 4 bytes of length, little-endian, then that many bytes; the descriptors travel as SCM_RIGHTS with the first byte. Each
/// descriptor is close-on-exec from the moment it exists (MSG_CMSG_CLOEXEC). Not thread-safe: one read at a time. Whatever goes wrong,
/// every descriptor that came in is closed, and the connection is of no more use, since the place of the next message is unknown.
/// </remarks>
/// <param name="socket">A connected Unix stream socket; stays the caller's.</param>
/// <param name="maxMessageBytes">Bytes at most in one message; more is an error.</param>
/// <param name="maxDescriptors">Descriptors at most in one message, 1 to 253; more is an error.</param>
public sealed class DescriptorReader(Socket socket, int maxMessageBytes, int maxDescriptors = HandoverLimits.MaxDescriptors)
{
    private readonly byte[] _header = new byte[sizeof(int)];
    private readonly List<DescriptorHandle> _received = [];

    /// <summary>Waits for the next message; null when the other side has closed the connection.</summary>
    /// <returns>The bytes and the descriptors, which are the caller's to close.</returns>
    /// <exception cref="InvalidDataException">The message is not of the form; says what and where.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="IOException">The kernel refused, or the connection ended within a message.</exception>
    public async Task<(byte[] Bytes, IReadOnlyList<DescriptorHandle> Descriptors)?> ReadAsync(CancellationToken cancellation)
    {
        try
        {
            if (!await FillAsync(_header, mayEnd: true, cancellation))
            {
                return null;
            }

            var length = BinaryPrimitives.ReadInt32LittleEndian(_header);
            if (length <= 0 || length > maxMessageBytes)
            {
                throw new InvalidDataException($"handover length {length} is not within 1 and {maxMessageBytes}");
            }

            var bytes = new byte[length];
            await FillAsync(bytes, mayEnd: false, cancellation);
            DescriptorHandle[] descriptors = [.. _received];
            _received.Clear();
            return (bytes, descriptors);
        }
        finally
        {
            _received.ForEach(static descriptor => descriptor.Dispose());
            _received.Clear();
        }
    }

    /// <summary>Returns false when the peer closed before the first byte and <paramref name="mayEnd"/>.</summary>
    private async Task<bool> FillAsync(byte[] buffer, bool mayEnd, CancellationToken cancellation)
    {
        var filled = 0;
        while (filled < buffer.Length)
        {
            var read = TryReceive(buffer.AsSpan(filled));
            if (read < 0)
            {
                // Completes when there is something to read, and reads nothing.
                await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, cancellation);
                continue;
            }

            if (read == 0)
            {
                return mayEnd && filled == 0 ? false : throw new IOException("the connection ended within a handover message");
            }

            filled += read;
        }

        return true;
    }

    /// <summary>Returns the bytes read, 0 at the end, -1 when there is nothing yet; adds the descriptors that came along.</summary>
    private unsafe int TryReceive(Span<byte> buffer)
    {
        var space = HandoverNative.ControlSpace(maxDescriptors);
        var control = stackalloc byte[space];
        var held = false;
        try
        {
            socket.SafeHandle.DangerousAddRef(ref held);
            fixed (byte* start = buffer)
            {
                while (true)
                {
                    var vector = new HandoverNative.IoVector { Base = start, Length = (nuint)buffer.Length };
                    var message = new HandoverNative.MessageHeader
                    {
                        Vectors = &vector,
                        VectorCount = 1,
                        Control = control,
                        ControlLength = (nuint)space,
                    };
                    var read = (int)
                        HandoverNative.ReceiveMessage(
                            (int)socket.SafeHandle.DangerousGetHandle(),
                            &message,
                            HandoverNative.MsgDontwait | HandoverNative.MsgCmsgCloexec
                        );
                    if (read >= 0)
                    {
                        TakeDescriptors(control, (int)message.ControlLength);
                        return (message.Flags & HandoverNative.MsgCtrunc) == 0
                            ? read
                            : throw new InvalidDataException(
                                $"handover descriptors were cut off: more than {maxDescriptors}, or this process is out of descriptors"
                            );
                    }

                    switch (Marshal.GetLastPInvokeError())
                    {
                        case HandoverNative.Eintr:
                            continue;
                        case HandoverNative.Eagain:
                            return -1;
                        case var error:
                            throw new IOException($"recvmsg: {new Win32Exception(error).Message}", new Win32Exception(error));
                    }
                }
            }
        }
        finally
        {
            if (held)
            {
                socket.SafeHandle.DangerousRelease();
            }
        }
    }

    private unsafe void TakeDescriptors(byte* control, int length)
    {
        var offset = 0;
        while (offset + sizeof(HandoverNative.ControlHeader) <= length)
        {
            var header = (HandoverNative.ControlHeader*)(control + offset);
            var size = (int)Math.Min(header->Length, (nuint)(length - offset));
            if (size < sizeof(HandoverNative.ControlHeader))
            {
                return;
            }

            if (header->Level == HandoverNative.SolSocket && header->Type == HandoverNative.ScmRights)
            {
                var count = (size - sizeof(HandoverNative.ControlHeader)) / sizeof(int);
                for (var i = 0; i < count; i++)
                {
                    _received.Add(new DescriptorHandle(((int*)(header + 1))[i]));
                }
            }

            offset += HandoverNative.Align(size);
        }
    }
}

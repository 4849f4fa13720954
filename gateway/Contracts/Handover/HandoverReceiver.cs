using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Mooring.Contracts.Handover;

/// <summary>Receives listening sockets from a connected Unix stream socket.</summary>
/// <remarks>
/// Not thread-safe: one <see cref="ReceiveAsync"/> at a time. Whatever goes wrong, every descriptor that came in is closed, and the
/// connection is of no more use, since the place of the next message is unknown.
/// </remarks>
/// <param name="socket">A connected Unix stream socket; stays the caller's.</param>
/// <param name="maxDescriptors">Descriptors at most in one message, 1 to 253; more is an error.</param>
public sealed class HandoverReceiver(Socket socket, int maxDescriptors = HandoverLimits.MaxDescriptors)
{
    private const int MaxNameLength = 63;
    private readonly byte[] _header = new byte[sizeof(int)];
    private readonly List<DescriptorHandle> _received = [];

    /// <summary>Connects to the owner's socket.</summary>
    /// <exception cref="SocketException">No one listens there.</exception>
    public static async Task<Socket> ConnectAsync(string path, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Waits for the next complete set; null when the owner has closed the connection.</summary>
    /// <exception cref="InvalidDataException">The message is not of the form; says what and where.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="IOException">The kernel refused, or the connection ended within a message.</exception>
    public async Task<HandoverSet?> ReceiveAsync(CancellationToken cancellation)
    {
        try
        {
            if (!await FillAsync(_header, mayEnd: true, cancellation))
            {
                return null;
            }

            var length = BinaryPrimitives.ReadInt32LittleEndian(_header);
            if (length is <= 0 or > HandoverLimits.MaxMessageBytes)
            {
                throw new InvalidDataException($"handover length {length} is not within 1 and {HandoverLimits.MaxMessageBytes}");
            }

            var json = new byte[length];
            await FillAsync(json, mayEnd: false, cancellation);
            var message = Parse(json);
            if (message.Listeners.Count != _received.Count)
            {
                throw new InvalidDataException($"handover of {message.Listeners.Count} listeners came with {_received.Count} descriptors");
            }

            var set = new HandoverSet(message, [.. _received]);
            _received.Clear();
            return set;
        }
        finally
        {
            _received.ForEach(static descriptor => descriptor.Dispose());
            _received.Clear();
        }
    }

    private static HandoverMessage Parse(byte[] json)
    {
        HandoverMessage message;
        try
        {
            message =
                JsonSerializer.Deserialize(json, ContractsJson.Default.HandoverMessage)
                ?? throw new InvalidDataException("the handover message is null");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"handover message: {exception.Message}", exception);
        }

        for (var i = 0; i < (message.Listeners ?? throw new InvalidDataException("handover listeners is null")).Count; i++)
        {
            var listener = message.Listeners[i] ?? throw new InvalidDataException($"handover listeners[{i}] is null");
            if (listener.Name is not { Length: > 0 and <= MaxNameLength })
            {
                throw new InvalidDataException($"handover listeners[{i}].name is not 1 to {MaxNameLength} characters");
            }

            if (listener.Port is < 1 or > 65535)
            {
                throw new InvalidDataException($"handover listeners[{i}].port {listener.Port} is not within 1 and 65535");
            }
        }

        return message;
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

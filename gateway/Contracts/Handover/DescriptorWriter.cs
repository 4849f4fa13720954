using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Mooring.Contracts.Handover;

/// <summary>Writes messages with descriptors to a connected Unix stream socket, in the form that <see cref="DescriptorReader"/> reads.</summary>
/// <remarks>Not thread-safe for one socket: one send at a time, or the bytes of two messages mix.</remarks>
public static class DescriptorWriter
{
    // Waiting for room happens only when the peer does not read; there is no portable way to await writability without writing.
    private static readonly TimeSpan FullRetry = TimeSpan.FromMilliseconds(5);

    /// <summary>Sends one message and its descriptors, which stay open and owned by the caller.</summary>
    /// <param name="socket">A connected Unix stream socket.</param>
    /// <param name="message">At least one byte.</param>
    /// <param name="descriptors">At most 253.</param>
    /// <param name="cancellation">Ends the wait for a peer that does not read; the connection is unusable afterwards.</param>
    /// <exception cref="ArgumentException">More than 253 descriptors, or no bytes; nothing was sent.</exception>
    /// <exception cref="IOException">The kernel refused, or the peer is gone.</exception>
    /// <exception cref="SocketException">The peer went away halfway.</exception>
    public static async Task SendAsync(
        Socket socket,
        ReadOnlyMemory<byte> message,
        IReadOnlyList<SafeHandle> descriptors,
        CancellationToken cancellation
    )
    {
        if (descriptors.Count > HandoverLimits.MaxDescriptors || message.IsEmpty)
        {
            throw new ArgumentException(
                $"{descriptors.Count} descriptors with {message.Length} bytes; one message takes {HandoverLimits.MaxDescriptors} with 1 at least",
                nameof(descriptors)
            );
        }

        var bytes = new byte[sizeof(int) + message.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, message.Length);
        message.Span.CopyTo(bytes.AsSpan(sizeof(int)));
        int sent;
        while ((sent = TrySend(socket.SafeHandle, bytes, descriptors)) == 0)
        {
            await Task.Delay(FullRetry, cancellation);
        }

        // The descriptors went with the first byte; what is left is plain bytes.
        while (sent < bytes.Length)
        {
            sent += await socket.SendAsync(bytes.AsMemory(sent), SocketFlags.None, cancellation);
        }
    }

    /// <summary>Returns the bytes sent; 0 when there is no room at the moment.</summary>
    private static unsafe int TrySend(SafeSocketHandle socket, byte[] bytes, IReadOnlyList<SafeHandle> descriptors)
    {
        var count = descriptors.Count;
        var held = 0;
        var socketHeld = false;
        var control = stackalloc byte[HandoverNative.ControlSpace(HandoverLimits.MaxDescriptors)];
        var header = (HandoverNative.ControlHeader*)control;
        header->Length = (nuint)(sizeof(HandoverNative.ControlHeader) + (count * sizeof(int)));
        header->Level = HandoverNative.SolSocket;
        header->Type = HandoverNative.ScmRights;
        try
        {
            socket.DangerousAddRef(ref socketHeld);
            for (; held < count; held++)
            {
                var added = false;
                descriptors[held].DangerousAddRef(ref added);
                ((int*)(header + 1))[held] = (int)descriptors[held].DangerousGetHandle();
            }

            fixed (byte* start = bytes)
            {
                var vector = new HandoverNative.IoVector { Base = start, Length = (nuint)bytes.Length };
                var message = new HandoverNative.MessageHeader
                {
                    Vectors = &vector,
                    VectorCount = 1,
                    Control = count == 0 ? null : control,
                    ControlLength = count == 0 ? 0 : (nuint)HandoverNative.ControlSpace(count),
                };
                while (true)
                {
                    var sent = HandoverNative.SendMessage(
                        (int)socket.DangerousGetHandle(),
                        &message,
                        HandoverNative.MsgDontwait | HandoverNative.MsgNosignal
                    );
                    if (sent > 0)
                    {
                        return (int)sent;
                    }

                    switch (Marshal.GetLastPInvokeError())
                    {
                        case HandoverNative.Eintr:
                            continue;
                        // The latter: the kernel lets a user have as many descriptors under way as its limit of open files, and no more
                        // until some receiver has read (unix(7)).
                        case HandoverNative.Eagain or HandoverNative.Etoomanyrefs:
                            return 0;
                        case var error:
                            throw new IOException($"sendmsg: {new Win32Exception(error).Message}", new Win32Exception(error));
                    }
                }
            }
        }
        finally
        {
            while (held > 0)
            {
                descriptors[--held].DangerousRelease();
            }

            if (socketHeld)
            {
                socket.DangerousRelease();
            }
        }
    }
}

using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Mooring.Contracts.Handover;

/// <summary>Sends listening sockets over a connected Unix stream socket.</summary>
/// <remarks>Not thread-safe for one socket: one send at a time, or the bytes of two messages mix.</remarks>
public static class HandoverSender
{
    // Waiting for room happens only when the peer does not read; there is no portable way to await writability without writing.
    private static readonly TimeSpan FullRetry = TimeSpan.FromMilliseconds(20);

    /// <summary>Sends one message and its descriptors, which stay open and owned by the caller.</summary>
    /// <param name="socket">A connected Unix stream socket.</param>
    /// <param name="message">The complete set of listeners.</param>
    /// <param name="descriptors">One for each listener of <paramref name="message"/>, in the same order.</param>
    /// <param name="cancellation">Ends the wait for a peer that does not read; the connection is unusable afterwards.</param>
    /// <exception cref="ArgumentException">Counts differ, more than 253 descriptors, or the JSON is longer than 64 KiB; nothing was sent.</exception>
    /// <exception cref="IOException">The kernel refused, or the peer is gone.</exception>
    /// <exception cref="SocketException">The peer went away halfway.</exception>
    public static async Task SendAsync(
        Socket socket,
        HandoverMessage message,
        IReadOnlyList<SafeHandle> descriptors,
        CancellationToken cancellation
    )
    {
        if (descriptors.Count != message.Listeners.Count)
        {
            throw new ArgumentException($"{descriptors.Count} descriptors for {message.Listeners.Count} listeners", nameof(descriptors));
        }

        if (descriptors.Count > HandoverLimits.MaxDescriptors)
        {
            throw new ArgumentException(
                $"{descriptors.Count} descriptors; one message takes {HandoverLimits.MaxDescriptors}",
                nameof(descriptors)
            );
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.HandoverMessage);
        if (json.Length > HandoverLimits.MaxMessageBytes)
        {
            throw new ArgumentException(
                $"{json.Length} bytes of JSON; one message takes {HandoverLimits.MaxMessageBytes}",
                nameof(message)
            );
        }

        var bytes = new byte[sizeof(int) + json.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, sizeof(int));

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

                    var error = Marshal.GetLastPInvokeError();
                    if (error == HandoverNative.Eagain)
                    {
                        return 0;
                    }

                    if (error != HandoverNative.Eintr)
                    {
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

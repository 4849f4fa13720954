using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Mooring.Contracts.Handover;

/// <summary>Sends listening sockets over a connected Unix stream socket.</summary>
/// <remarks>Not thread-safe for one socket: one send at a time, or the bytes of two messages mix.</remarks>
public static class HandoverSender
{
    /// <summary>Sends a complete set, in as many messages as its descriptors need; they stay open and owned by the caller.</summary>
    /// <param name="socket">A connected Unix stream socket.</param>
    /// <param name="set">The complete set of listeners.</param>
    /// <param name="descriptors">One for each listener of <paramref name="set"/>, in the same order.</param>
    /// <param name="cancellation">Ends the wait for a peer that does not read; the connection is unusable afterwards.</param>
    /// <exception cref="ArgumentException">Counts differ, more than 4,096 listeners, or the JSON of 253 of them is longer than 64 KiB.</exception>
    /// <exception cref="IOException">The kernel refused, or the peer is gone.</exception>
    /// <exception cref="SocketException">The peer went away halfway.</exception>
    public static async Task SendAsync(
        Socket socket,
        HandoverMessage set,
        IReadOnlyList<SafeHandle> descriptors,
        CancellationToken cancellation
    )
    {
        if (descriptors.Count != set.Listeners.Count)
        {
            throw new ArgumentException($"{descriptors.Count} descriptors for {set.Listeners.Count} listeners", nameof(descriptors));
        }

        if (descriptors.Count > HandoverLimits.MaxListeners)
        {
            throw new ArgumentException($"{descriptors.Count} listeners; one set takes {HandoverLimits.MaxListeners}", nameof(descriptors));
        }

        // All of it before anything is sent: half a set would be worse than none.
        var parts = new List<(byte[] Json, SafeHandle[] Descriptors)>();
        var at = 0;
        do
        {
            var count = Math.Min(HandoverLimits.MaxDescriptors, descriptors.Count - at);
            var part = set with { Listeners = [.. set.Listeners.Skip(at).Take(count)], More = at + count < descriptors.Count };
            var json = JsonSerializer.SerializeToUtf8Bytes(part, ContractsJson.Default.HandoverMessage);
            if (json.Length > HandoverLimits.MaxMessageBytes)
            {
                throw new ArgumentException(
                    $"{json.Length} bytes of JSON; one message takes {HandoverLimits.MaxMessageBytes}",
                    nameof(set)
                );
            }

            parts.Add((json, [.. descriptors.Skip(at).Take(count)]));
            at += count;
        } while (at < descriptors.Count);

        foreach (var (json, some) in parts)
        {
            await DescriptorWriter.SendAsync(socket, json, some, cancellation);
        }
    }
}

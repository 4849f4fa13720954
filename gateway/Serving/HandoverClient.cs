using System.Net.Sockets;
using Mooring.Contracts.Handover;

namespace Mooring.Gateway.Serving;

/// <summary>Takes listening sockets from the supervisor as long as it gives some.</summary>
internal static class HandoverClient
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    // An operator that never pushes must not leave the queue unserved: refusals say more than silence.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    /// <summary>Runs until cancelled. Without a supervisor the sockets taken before serve on.</summary>
    public static async Task RunAsync(string path, GatewayEngine engine, TextWriter error, TimeProvider time, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                using var socket = await HandoverReceiver.ConnectAsync(path, cancel);
                var receiver = new HandoverReceiver(socket);
                while (await receiver.ReceiveAsync(cancel) is { } set)
                {
                    using (set)
                    {
                        await ServableAsync(engine, time, cancel);
                        await engine.AdoptAsync([.. set.Sockets.Select(descriptor => descriptor.Release())]);
                    }
                }
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem) when (problem is SocketException or IOException or InvalidDataException)
            {
                await error.WriteLineAsync($"handover from {path}: {problem.Message}");
            }

            try
            {
                await Task.Delay(Retry, time, cancel);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>
    /// Waits until connections can be carried: clients that a sibling could take, or that wait in the queue of a gateway that died, must not be
    /// refused by one that has its sockets before its endpoints.
    /// </summary>
    private static async Task ServableAsync(GatewayEngine engine, TimeProvider time, CancellationToken cancel)
    {
        var start = time.GetTimestamp();
        while ((engine.Snapshot is null || engine.WaitingBackends.Count > 0) && time.GetElapsedTime(start) < LongestWait)
        {
            await Task.Delay(Poll, time, cancel);
        }
    }
}

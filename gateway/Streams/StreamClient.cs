using System.Net.WebSockets;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Streams;

/// <summary>Keeps one stream to the operator open for as long as the gateway runs. With the operator gone, the gateway runs on as it is.</summary>
internal sealed class StreamClient(StreamDialer dialer, IStreamTarget target, GatewayLog log, TimeProvider time, Random random)
{
    private volatile bool _connected;

    /// <summary>A session is open.</summary>
    public bool IsConnected => _connected;

    /// <summary>Dials and redials until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var backoff = new Backoff(random);
        var lastError = "";
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using var session = new StreamSession(await dialer.DialAsync(cancellation), target, log, time);
                _connected = true;
                lastError = "";
                log.Event("stream_connected");
                try
                {
                    await session.RunAsync(cancellation);
                    log.Event("stream_closed", ("reason", "by the operator"));
                }
                catch (Exception e)
                {
                    // Whatever a message leads to, the stream is what a better one would come by.
                    log.Event("stream_closed", ("reason", Describe(e)));
                }

                // A peer that accepts and says nothing is no better than one that refuses.
                if (session.Received > 0)
                {
                    backoff.Reset();
                }
            }
            catch (Exception e)
            {
                // Once per cause: an operator may be away for days.
                var error = Describe(e);
                if (error != lastError)
                {
                    log.Event("stream_dial_failed", ("reason", error));
                    lastError = error;
                }
            }
            finally
            {
                _connected = false;
            }

            try
            {
                await Task.Delay(backoff.Next(), time, cancellation);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>An exception that no network or file leads to is shown with its place, for it is a bug.</summary>
    private static string Describe(Exception e) =>
        e switch
        {
            not (
                WebSocketException
                or HttpRequestException
                or IOException
                or UnauthorizedAccessException
                or TimeoutException
                or System.Security.Cryptography.CryptographicException
                or OperationCanceledException
            ) => e.ToString(),
            { InnerException: { } inner } => $"{e.Message} {inner.Message}",
            _ => e.Message,
        };
}

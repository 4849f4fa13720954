using System.Net;
using System.Security.Authentication;
using StackExchange.Redis;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>One life of a connection: a StackExchange.Redis multiplexer behind the bounds that it does not have itself.</summary>
/// <remarks>
/// Thread-safe. Version 1.2.6 knows no deadline for asynchronous calls and queues without end while a server hangs. So each call has a
/// deadline, and one that missed it still counts against <see cref="MaxInFlight"/> until the client really lets go of it: memory is bounded
/// however long the server hangs, and the link is thrown away before that. Only API that 1.2.6 and 2.x share is used.
/// </remarks>
internal sealed class RedisLink : IDisposable
{
    /// <summary>Calls that the client may hold at a time.</summary>
    public const int MaxInFlight = 256;

    private readonly ConnectionMultiplexer _multiplexer;
    private readonly IDatabase _database;
    private readonly TimeProvider _time;
    private int _inFlight;

    private RedisLink(ConnectionMultiplexer multiplexer, TimeProvider time)
    {
        _multiplexer = multiplexer;
        _database = multiplexer.GetDatabase();
        _time = time;
    }

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Connects, or fails within the time given.</summary>
    /// <param name="settings">How.</param>
    /// <param name="endpoints">Where: servers, not Sentinels.</param>
    /// <param name="timeout">For all of it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <exception cref="RegistryUnavailableException">It failed.</exception>
    public static async Task<RedisLink> ConnectAsync(
        RedisSettings settings,
        IReadOnlyList<DnsEndPoint> endpoints,
        TimeSpan timeout,
        TimeProvider time,
        CancellationToken cancellation
    )
    {
        Task<ConnectionMultiplexer>? connecting = null;
        try
        {
            var options = await OptionsAsync(settings, endpoints, timeout, cancellation);
            // On another thread: parts of the client's connect are synchronous.
            connecting = Task.Run(() => ConnectionMultiplexer.ConnectAsync(options), cancellation);
            return new RedisLink(await connecting.WaitAsync(timeout, time, cancellation), time);
        }
        catch (Exception e)
            when (e is RedisException or RedisConnectionException or TimeoutException or IOException or OperationCanceledException)
        {
            // It may still succeed, with nobody to want it.
            _ = connecting?.ContinueWith(
                static late =>
                {
                    if (late.IsCompletedSuccessfully)
                    {
                        End(late);
                    }
                    else
                    {
                        _ = late.Exception;
                    }
                },
                CancellationToken.None,
                TaskContinuationOptions.None,
                TaskScheduler.Default
            );
            cancellation.ThrowIfCancellationRequested();
            throw new RegistryUnavailableException(FirstLine(e.Message), e);
        }
    }

    /// <summary>Runs a command, or fails by the deadline; then it may have run all the same.</summary>
    /// <exception cref="RegistryUnavailableException">No connection, no answer in time, or too many calls wait for theirs.</exception>
    /// <exception cref="RedisServerException">The server's own error.</exception>
    public async Task<RedisResult> ExecuteAsync(string command, object[] arguments, TimeSpan deadline)
    {
        if (Interlocked.Increment(ref _inFlight) > MaxInFlight)
        {
            Interlocked.Decrement(ref _inFlight);
            throw new RegistryUnavailableException($"{MaxInFlight} calls wait for an answer");
        }

        Task<RedisResult> call;
        try
        {
            call = _database.ExecuteAsync(command, arguments);
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException)
        {
            Interlocked.Decrement(ref _inFlight);
            throw new RegistryUnavailableException(FirstLine(e.Message), e);
        }

        _ = call.ContinueWith(
            static (done, link) =>
            {
                _ = done.Exception;
                Interlocked.Decrement(ref ((RedisLink)link!)._inFlight);
            },
            this,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );
        try
        {
            return await call.WaitAsync(deadline, _time);
        }
        catch (RedisServerException)
        {
            throw;
        }
        catch (TimeoutException e)
        {
            throw new RegistryUnavailableException($"no answer within {deadline.TotalMilliseconds:0} ms", e);
        }
        catch (Exception e) when (e is RedisException or ObjectDisposedException or OperationCanceledException)
        {
            throw new RegistryUnavailableException(FirstLine(e.Message), e);
        }
    }

    /// <summary>Closes the connection without waiting for what is under way, which fails.</summary>
    public void Dispose() => _ = Task.Run(() => _multiplexer.Close(allowCommandsToComplete: false));

    private static void End(Task<ConnectionMultiplexer> connected) =>
        _ = connected.ContinueWith(
            static async done => (await done).Close(allowCommandsToComplete: false),
            CancellationToken.None,
            TaskContinuationOptions.None,
            TaskScheduler.Default
        );

    private static async Task<ConfigurationOptions> OptionsAsync(
        RedisSettings settings,
        IReadOnlyList<DnsEndPoint> endpoints,
        TimeSpan timeout,
        CancellationToken cancellation
    )
    {
        var milliseconds = (int)timeout.TotalMilliseconds;
        var options = new ConfigurationOptions
        {
            // The link's owner tries again, by what Sentinels say then.
            AbortOnConnectFail = true,
            ConnectRetry = 1,
            ConnectTimeout = milliseconds,
            SyncTimeout = milliseconds,
            KeepAlive = 10,
            ClientName = "mooring-gateway",
            // Keys of the client's own, and a subscription, none of which are wanted.
            TieBreaker = "",
            ConfigurationChannel = "",
            ReconnectRetryPolicy = new LinearRetry(500),
            Password = await settings.ReadPasswordAsync(cancellation),
            AllowAdmin = false,
        };
        foreach (var endpoint in endpoints)
        {
            options.EndPoints.Add(endpoint);
        }

        if (settings.Tls is { } tls)
        {
            options.Ssl = true;
            options.SslHost = tls.ServerName;
            options.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
            options.CertificateValidation += TlsTrust.Load(tls.CaFile);
        }

        return options;
    }

    private static string FirstLine(string text)
    {
        var line = text.AsSpan();
        var end = line.IndexOfAny('\r', '\n');
        line = end >= 0 ? line[..end] : line;
        return line.Length > 300 ? line[..300].ToString() : line.ToString();
    }
}

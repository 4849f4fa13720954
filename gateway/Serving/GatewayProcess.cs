using System.Net;
using System.Runtime.InteropServices;
using Mooring.Gateway.Admin;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Streams;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Serving;

/// <summary>Puts the rooms of a gateway together and keeps them running until a signal.</summary>
/// <remarks>
/// Exit codes: 0 after a drain that left nothing, 1 when it cut connections off or the start failed, 2 for bad options or a bad config.
/// The first SIGTERM or SIGINT drains, the second ends at once.
/// </remarks>
internal static class GatewayProcess
{
    public static async Task<int> RunAsync(ServeOptions options, System.IO.Stream output, TextWriter error, CancellationToken cancellation)
    {
        if (!TryEndpoint(options, out var endpoint, out var problem))
        {
            await error.WriteLineAsync(problem);
            return 2;
        }

        GcWatch.Start();
        var (environment, wrong) = RegistryEnvironment.Read(Environment.GetEnvironmentVariable);
        if (wrong.Count > 0)
        {
            await error.WriteLineAsync(string.Join(Environment.NewLine, wrong));
            return 2;
        }

        var time = TimeProvider.System;
        using var stopNow = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await using var sink = new LogSink(output);
        var log = new GatewayLog(sink, options.AccessLog, time);
        using var access = new AccessLog(new AccessLines(log, time).Write);
        await using var engine = new GatewayEngine(
            new EngineOptions
            {
                Loops = options.Loops,
                BindAddress = options.Bind is null ? IPAddress.IPv6Any : IPAddress.Parse(options.Bind),
                BindsListeners = options.Handover is null,
                Upgrades = listener => new ProxyUpgradeHandler(listener),
                AccessLog = options.AccessLog.Every > 0 ? access : null,
                EndpointTurned = (endpoint, why) =>
                    log.Event(
                        why is null ? "endpoint_up" : "endpoint_down",
                        ("backend", endpoint.Backend),
                        ("endpoint", endpoint.Id),
                        ("reason", why)
                    ),
            }
        );
        using var drain = new DrainController(engine, options.Handover is not null, log, time);
        var source = new RegistrySource(options, engine, drain, time);
        await using var registry = new RegistryService(engine.Share, source.Record, environment, log, time);
        var configs = new ConfigApplier(engine, drain, registry, log);
        var status = new GatewayStatus(options, engine, configs, drain, registry, log, time);
        using var reloads = new SemaphoreSlim(0);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopNow.Token);
        using var signals = new Signals(drain, stopNow, reloads);
        var file = options.ConfigFile is null ? null : new ConfigFile(options.ConfigFile, time);
        if (file is not null && await LoadFirstAsync(file, configs, error, stopNow.Token) is var exit and not 0)
        {
            return exit;
        }

        var (admin, failure) = await StartAdminAsync(options, status, stopNow.Token);
        if (failure is not null)
        {
            await error.WriteLineAsync(failure);
            return 1;
        }

        await using (admin)
        {
            log.Event("started", ("version", GatewayVersion.Text), ("gateway", options.Name), ("admin", admin?.Address));
            var reloading = file is null
                ? Task.CompletedTask
                : ConfigReloader.RunAsync(file, configs, () => status.Stream?.IsConnected == true, reloads, log, end.Token);
            var certificates = CertificateReloader.RunAsync(engine, log, time, end.Token);
            await ServeAsync(options, endpoint, engine, status, drain, log, error, stopNow);
            await end.CancelAsync();
            await reloading;
            await certificates;
        }

        var left = engine.Connections;
        log.Event("stopped", ("cutOff", drain.CutOff + left));
        return drain.CutOff + left == 0 ? 0 : 1;
    }

    /// <summary>Runs everything until the drain has ended.</summary>
    private static async Task ServeAsync(
        ServeOptions options,
        StreamEndpoint? endpoint,
        GatewayEngine engine,
        GatewayStatus status,
        DrainController drain,
        GatewayLog log,
        TextWriter error,
        CancellationTokenSource stopNow
    )
    {
        var time = TimeProvider.System;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopNow.Token);
        var tasks = new List<Task>();
        if (options.Handover is not null)
        {
            tasks.Add(HandoverClient.RunAsync(options.Handover, engine, error, time, end.Token));
        }

        if (endpoint is not null)
        {
            status.Stream = new StreamClient(new StreamDialer(endpoint, StreamDialer.DefaultKeepAlive), status, log, time, Random.Shared);
            tasks.Add(status.Stream.RunAsync(end.Token));
        }

        await drain.RunAsync(stopNow.Token);
        if (status.Stream?.IsConnected == true && !stopNow.IsCancellationRequested)
        {
            // The operator is told that nothing is left: the stream looks for a change five times a second.
            await Task.Delay(TimeSpan.FromMilliseconds(300), time, CancellationToken.None);
        }

        await end.CancelAsync();
        await Task.WhenAll(tasks);
    }

    private static async Task<(AdminServer? Server, string? Failure)> StartAdminAsync(
        ServeOptions options,
        IGatewayView view,
        CancellationToken cancellation
    )
    {
        if (options.Admin is null)
        {
            return default;
        }

        try
        {
            return (await AdminServer.StartAsync(IPEndPoint.Parse(options.Admin), view, cancellation), null);
        }
        catch (Exception failure) when (failure is IOException or System.Net.Sockets.SocketException)
        {
            return (null, $"--admin {options.Admin}: {failure.Message}");
        }
    }

    private static bool TryEndpoint(ServeOptions options, out StreamEndpoint? endpoint, out string? problem)
    {
        endpoint = null;
        problem = null;
        return options.Stream is null
            || StreamEndpoint.TryParse(options.Stream, options.StreamCaFile, options.TokenFile, out endpoint, out problem);
    }

    /// <summary>A gateway does not start with a config that is wrong; later ones are rejected and change nothing.</summary>
    private static async Task<int> LoadFirstAsync(ConfigFile file, ConfigApplier configs, TextWriter error, CancellationToken cancellation)
    {
        var (config, problem) = await file.ReadAsync(cancellation);
        if (config is null)
        {
            await error.WriteLineAsync(problem);
            return 2;
        }

        var errors = await configs.ApplyAsync(config, "file");
        foreach (var line in errors)
        {
            await error.WriteLineAsync(line);
        }

        return errors.Count == 0 ? 0 : 2;
    }

    /// <summary>SIGTERM and SIGINT drain, then end at once; SIGHUP reads the config file again.</summary>
    private sealed class Signals : IDisposable
    {
        private readonly PosixSignalRegistration[] _registrations;

        public Signals(DrainController drain, CancellationTokenSource stopNow, SemaphoreSlim reloads)
        {
            var stopping = 0;
            _registrations =
            [
                PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, lameDuck: true)),
                PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, lameDuck: false)),
                PosixSignalRegistration.Create(
                    PosixSignal.SIGHUP,
                    context =>
                    {
                        context.Cancel = true;
                        reloads.Release();
                    }
                ),
            ];

            void Stop(PosixSignalContext context, bool lameDuck)
            {
                context.Cancel = true;
                if (Interlocked.Exchange(ref stopping, 1) == 0)
                {
                    drain.Terminate(lameDuck);
                }
                else
                {
                    stopNow.Cancel();
                }
            }
        }

        public void Dispose()
        {
            foreach (var registration in _registrations)
            {
                registration.Dispose();
            }
        }
    }
}

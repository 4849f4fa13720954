using System.Net;
using System.Runtime.InteropServices;
using Mooring.Contracts.Processes;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Handover;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Streams;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Telemetry.Otlp;
using Mooring.Gateway.Tunnels;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Serving;

/// <summary>Puts the rooms of a gateway together and keeps them running until a signal.</summary>
/// <remarks>
/// Exit codes: 0 after a drain that left nothing, 1 when it cut connections off or the start failed, 2 for bad options or a bad config.
/// The first SIGTERM or SIGINT drains, the second ends at once. SIGUSR2 starts a successor.
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
        GcWatch.Prepare();
        var (environment, wrong) = RegistryEnvironment.Read(Environment.GetEnvironmentVariable);
        var (capacity, wrongToo) = TunnelEnvironment.Read(Environment.GetEnvironmentVariable);
        if (wrong.Count + wrongToo.Count > 0)
        {
            await error.WriteLineAsync(string.Join(Environment.NewLine, wrong.Concat(wrongToo)));
            return 2;
        }

        using var time = new CoalescedTime(TimeProvider.System);
        using var stopNow = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await using var sink = new LogSink(output);
        var log = new GatewayLog(sink, options.AccessLog, time);
        using var access = new AccessLog(new AccessLines(log, time).Write);
        using var board = options.Handover is null ? null : HostBoard.TryOpen(options.Handover, Environment.ProcessId);
        await using var engine = new GatewayEngine(
            new EngineOptions
            {
                Loops = options.Loops,
                BindAddress = options.Bind is null ? IPAddress.IPv6Any : IPAddress.Parse(options.Bind),
                BindsListeners = options.Handover is null,
                Board = board,
                TunnelBind = options.TunnelBind is null ? null : IPAddress.Parse(options.TunnelBind),
                Name = options.Name,
                Timers = time,
                Time = time,
                Brokers = RegistryService.Brokers(environment, time),
                Upgrades = listener => new ProxyUpgradeHandler(listener),
                GeoDatabaseOpened = (path, problem) =>
                    log.Event(problem is null ? "geo_database_opened" : "geo_database_failed", ("path", path), ("error", problem)),
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
        using var handover = new HandoverDispatcher(engine, log, time);
        drain.HoldsCloses = () => handover.IsPending;
        var source = new RegistrySource(options, engine, drain, time);
        await using var registry = new RegistryService(engine.Share, source.Record, environment, log, time)
        {
            Identities = engine.Identities,
            HasTunnels = () => engine.Tunnels.HasOpen,
        };
        engine.Tunnels.Source = registry.Tunnels;
        engine.Tunnels.PortsChanged = registry.BeatSoon;
        engine.Tunnels.Turned = (tunnel, turn) =>
            log.Event(
                "tunnel",
                ("tunnel", tunnel.Name),
                ("listener", tunnel.Listener.Name),
                ("tenant", tunnel.Tenant.Name),
                ("client", tunnel.Client),
                ("ports", string.Join(' ', tunnel.Ports.Select(port => port.Thing.Id))),
                ("state", turn.State),
                ("reason", turn.Reason)
            );
        var configs = new ConfigApplier(engine, drain, registry, log) { Environment = capacity };
        var status = new GatewayStatus(options, engine, configs, drain, handover, registry, log, time);
        await using var otlp = new OtlpExport(options.Name, status.Metrics, log);
        var configured = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        configs.InForce = config =>
        {
            otlp.Use(config);
            configured.TrySetResult();
        };
        using var reloads = new SemaphoreSlim(0);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopNow.Token);
        var successor = new SuccessorStart(options.Takeover is not null, log);
        using var signals = new Signals(drain, stopNow, reloads, successor);
        EarlySignals.HandOver();
        await using var admin = new AdminSlot(options.Admin, status);
        await using var seat = new TakeoverSeat();
        // With a config from the stream alone it begins when that has come: until then the inherited sockets would be nobody's, and the predecessor does not wait for long.
        var isLater =
            options is { ConfigFile: null, Handover: null, Takeover: { } place } && endpoint is not null && Succession.IsThere(place);
        if (!isLater && await SucceedAsync() is { } refused)
        {
            await error.WriteLineAsync(refused);
            return 1;
        }

        var file = options.ConfigFile is null ? null : new ConfigFile(options.ConfigFile, time);
        if (file is not null && await LoadFirstAsync(file, configs, error, stopNow.Token) is var exit and not 0)
        {
            return exit;
        }

        var predecessor = new Predecessor(options.Takeover ?? "", engine, drain, handover, admin, log);
        if (!isLater && await StandUpAsync() is { } failure)
        {
            await error.WriteLineAsync(failure);
            return 1;
        }

        string? late = null;
        configs.BeforeFirst = isLater ? BeginLateAsync : null;
        var reloading = file is null
            ? Task.CompletedTask
            : ConfigReloader.RunAsync(file, configs, () => status.Stream?.IsConnected == true, reloads, log, time, end.Token);
        var certificates = CertificateReloader.RunAsync(engine, log, time, end.Token);
        var giving = handover.RunAsync(end.Token);
        using var siblings = options.Siblings is { } pattern
            ? new SiblingHandover(pattern, options.Takeover, engine, drain, handover)
            : null;
        var handing = siblings?.RunAsync(end.Token) ?? Task.CompletedTask;
        var taking = TakeOverAsync();
        await ServeAsync(options, endpoint, engine, status, drain, log, error, stopNow);
        await end.CancelAsync();
        await Task.WhenAll(reloading, certificates, giving, handing, taking);
        await engine.Tunnels.LeaveAsync();
        var left = engine.Connections;
        log.Event("stopped", ("cutOff", drain.CutOff + left));
        return drain.CutOff + left == 0 && late is null ? 0 : 1;

        // Its sockets; null, or what stands against it.
        async Task<string?> SucceedAsync()
        {
            try
            {
                seat.Succession = await BeginAsync(options.Takeover, engine, stopNow.Token);
                return null;
            }
            catch (IOException refusal)
            {
                return $"--takeover {options.Takeover}: {refusal.Message}";
            }
        }

        async Task BeginLateAsync()
        {
            late = await SucceedAsync();
            if (late is not null)
            {
                configured.TrySetResult();
            }
        }

        // From here on others may take over from this one.
        async Task<string?> StandUpAsync()
        {
            if (await StandAsync(seat.Succession, engine, drain, admin, stopNow.Token) is { } problem)
            {
                return problem;
            }

            seat.Server = options.Takeover is { } path
                ? new TakeoverServer(path, engine, log, () => drain.Decision.AcceptNew, predecessor.SucceedAsync)
                : null;
            log.Event(
                "started",
                ("version", GatewayVersion.Text),
                ("gateway", options.Name),
                ("admin", admin.Address),
                ("socketsTakenOver", seat.Succession?.Sockets)
            );
            return null;
        }

        async Task TakeOverAsync()
        {
            if (isLater)
            {
                try
                {
                    await configured.Task.WaitAsync(end.Token);
                    late ??= await StandUpAsync();
                }
                catch (OperationCanceledException) when (end.IsCancellationRequested)
                {
                    return;
                }

                if (late is not null)
                {
                    await error.WriteLineAsync(late);
                    await stopNow.CancelAsync();
                    return;
                }
            }

            if (seat.Succession is { } succession)
            {
                await TakeAsync(succession, engine, log, time, end.Token);
            }
        }
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

    /// <summary>Takes the sockets of the gateway that serves, where there is one, and does not accept from them yet.</summary>
    private static async Task<Succession?> BeginAsync(string? path, GatewayEngine engine, CancellationToken cancellation)
    {
        if (path is null)
        {
            return null;
        }

        // Before there are sockets: until the first config, those that are not watched count as unused.
        await engine.SetModeAsync(AcceptMode.Pause);
        var succession = await Succession.BeginAsync(path, engine, cancellation);
        if (succession is null)
        {
            await engine.SetModeAsync(AcceptMode.Accept);
        }

        return succession;
    }

    /// <summary>Serves and has its admin address; a predecessor accepts no more from here on. Returns what stands against it.</summary>
    private static async Task<string?> StandAsync(
        Succession? succession,
        GatewayEngine engine,
        DrainController drain,
        AdminSlot admin,
        CancellationToken cancellation
    )
    {
        if (succession is null)
        {
            return await admin.StartAsync(cancellation);
        }

        try
        {
            // Until then the predecessor is the better one to accept.
            await engine.ResolvedAsync(TimeSpan.FromSeconds(5), cancellation);
            await drain.AcceptAsync();
            await succession.ReadyAsync(cancellation);
            var failure = await admin.StartAsync(cancellation);
            if (failure is null)
            {
                await succession.GoAsync(cancellation);
            }

            return failure;
        }
        catch (Exception broken) when (broken is IOException or System.Net.Sockets.SocketException or InvalidDataException)
        {
            return $"--takeover: {broken.Message}";
        }
    }

    /// <summary>Takes the predecessor's connections. What it does not hand over stays its own, so nothing depends on how this ends.</summary>
    private static async Task TakeAsync(
        Succession succession,
        GatewayEngine engine,
        GatewayLog log,
        TimeProvider time,
        CancellationToken cancellation
    )
    {
        try
        {
            log.Event("taken_over", ("connections", await succession.RunAsync(engine, time, cancellation)));
        }
        catch (Exception broken) when (broken is IOException or System.Net.Sockets.SocketException or InvalidDataException)
        {
            log.Event("handover_broken", ("reason", broken.Message));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The gateway stops.
        }

        if (!cancellation.IsCancellationRequested)
        {
            // The predecessor is gone, whatever it said.
            await engine.ReceiveDatagramsAsync();
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

    /// <summary>SIGTERM and SIGINT drain, then end at once; SIGHUP reads the config file again; SIGUSR2 starts a successor.</summary>
    private sealed class Signals : IDisposable
    {
        // .NET has no name for it; Linux' number on x86-64 and arm64.
        private const PosixSignal User2 = (PosixSignal)12;
        private readonly PosixSignalRegistration[] _registrations;

        public Signals(DrainController drain, CancellationTokenSource stopNow, SemaphoreSlim reloads, SuccessorStart successor)
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
                PosixSignalRegistration.Create(
                    User2,
                    context =>
                    {
                        context.Cancel = true;
                        successor.Start();
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

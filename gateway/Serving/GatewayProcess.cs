using System.Net;
using System.Runtime.InteropServices;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Serving;

/// <summary>Puts the rooms of a gateway together and keeps them running until a signal.</summary>
/// <remarks>Exit codes: 0 after a drain that left nothing, 1 when it cut connections off or the start failed, 2 for a bad config.</remarks>
internal static class GatewayProcess
{
    private static readonly TimeSpan DrainPoll = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(ServeOptions options, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var stopNow = new CancellationTokenSource();
        using var hangUp = new SemaphoreSlim(0);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => OnStop(context, stop, stopNow));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => OnStop(context, stop, stopNow));
        using var reload = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            hangUp.Release();
        });

        await using var engine = new GatewayEngine(new EngineOptions
        {
            Loops = options.Loops,
            BindAddress = options.Bind is null ? IPAddress.IPv6Any : IPAddress.Parse(options.Bind),
            BindsListeners = options.Handover is null,
            Upgrades = listener => new ProxyUpgradeHandler(listener),
        });
        var file = options.ConfigFile is null ? null : new ConfigFile(options.ConfigFile, TimeProvider.System);
        if (file is not null && await LoadAsync(file, engine, output, error, stop.Token) is var exit and not 0)
        {
            return exit;
        }

        var handover = options.Handover is null
            ? Task.CompletedTask
            : HandoverClient.RunAsync(options.Handover, engine, error, TimeProvider.System, stop.Token);
        var reloading = file is null ? Task.CompletedTask : ReloadAsync(file, engine, hangUp, output, error, stop.Token);
        await Task.WhenAll(handover, reloading, WaitAsync(stop.Token));
        return await DrainAsync(options, engine, output, stopNow.Token);
    }

    private static void OnStop(PosixSignalContext context, CancellationTokenSource stop, CancellationTokenSource stopNow)
    {
        context.Cancel = true;
        (stop.IsCancellationRequested ? stopNow : stop).Cancel();
    }

    private static async Task<int> LoadAsync(ConfigFile file, GatewayEngine engine, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        var (config, problem) = await file.ReadAsync(cancel);
        if (config is null)
        {
            await error.WriteLineAsync(problem);
            return 2;
        }

        var result = await engine.ApplyConfigAsync(config);
        foreach (var line in result.Errors)
        {
            await error.WriteLineAsync(line);
        }

        if (!result.Accepted)
        {
            return 2;
        }

        await output.WriteLineAsync($"serving config {result.Hash}: {string.Join(", ", config.Listeners.Select(l => $"{l.Name}:{l.Port}"))}");
        await output.FlushAsync(cancel);
        return 0;
    }

    private static async Task ReloadAsync(
        ConfigFile file, GatewayEngine engine, SemaphoreSlim hangUp, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        try
        {
            while (true)
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                await Task.WhenAny(hangUp.WaitAsync(either.Token), file.ChangedAsync(either.Token));
                await either.CancelAsync();
                cancel.ThrowIfCancellationRequested();
                if (await LoadAsync(file, engine, output, error, cancel) != 0)
                {
                    await error.WriteLineAsync("the new config is refused; the one before stays in force");
                }
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    private static async Task<int> DrainAsync(ServeOptions options, GatewayEngine engine, TextWriter output, CancellationToken stopNow)
    {
        var drain = engine.Snapshot?.Config.Drain ?? new();
        await output.WriteLineAsync($"draining {engine.Connections} connections");
        try
        {
            await engine.SetModeAsync(options.Handover is null ? AcceptMode.Refuse : AcceptMode.Pause);
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stopNow);
            deadline.CancelAfter(drain.Deadline);
            while (engine.Connections > 0)
            {
                await Task.Delay(DrainPoll, deadline.Token);
            }
        }
        catch (OperationCanceledException)
        {
            await output.WriteLineAsync($"closing {engine.Connections} connections");
        }

        return engine.Connections == 0 ? 0 : 1;
    }

    private static async Task WaitAsync(CancellationToken cancel)
    {
        var forever = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = cancel.Register(forever.SetResult);
        await forever.Task;
    }
}

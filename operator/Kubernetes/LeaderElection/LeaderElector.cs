using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.LeaderElection;

/// <summary>How a run of an elector ended.</summary>
public enum LeaderElectionOutcome
{
    /// <summary>Stopped from outside; the lease, if held, was given up.</summary>
    Stopped,

    /// <summary>The work came to its end by itself; the lease was given up.</summary>
    Completed,

    /// <summary>The lease was lost while the work went on. It may still be running: end the process.</summary>
    Lost,
}

/// <summary>Stands for election on a Lease and runs the work while it leads.</summary>
public sealed partial class LeaderElector
{
    private const string Loop = "leader-election";
    private readonly LeaderElectionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LeaseLock _lease;
    private volatile Leadership? _leadership;
    private volatile string _leader = "";

    /// <exception cref="ArgumentException">The options contradict each other, or no Lease can have the name.</exception>
    public LeaderElector(KubernetesClient client, LeaderElectionOptions options, ILoggerFactory? loggers = null)
    {
        _options = options.Checked();
        // Else every try would fail of it, and be tried again.
        _ = Resources.Leases.Path(_options.Namespace, _options.Name);
        _time = client.Time;
        _logger = (ILogger?)loggers?.CreateLogger<LeaderElector>() ?? NullLogger.Instance;
        _lease = new LeaseLock(client, _options, _time);
    }

    /// <summary>Whether this process leads at this very moment; see <see cref="Leadership.IsHeld"/>.</summary>
    public bool IsLeader => _leadership is { IsHeld: true };

    /// <summary>The present term; null while another leads.</summary>
    public Leadership? Leadership => _leadership;

    /// <summary>Who leads, as last seen; empty when nobody is known to.</summary>
    public string Leader => _leader;

    /// <summary>Called when another leader is seen, with its identity. Runs on the elector's loop: return at once.</summary>
    public Action<string>? LeaderChanged { get; init; }

    /// <summary>Waits to be elected, then runs the work for as long as the lease is held. One term: run again to stand again.</summary>
    /// <remarks>
    /// On cancellation the work is asked to end (<see cref="Leadership.Ended"/>) and the lease is renewed until it has, then given up.
    /// On loss it is asked to end as well, but not waited for.
    /// </remarks>
    /// <param name="work">Its exception is thrown on after the lease was given up.</param>
    public async Task<LeaderElectionOutcome> RunAsync(Func<Leadership, Task> work, CancellationToken cancellationToken)
    {
        Leadership leadership;
        try
        {
            leadership = await AcquireAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // A take whose answer nobody waits for any more may have arrived all the same.
            await ReleaseAsync();
            return LeaderElectionOutcome.Stopped;
        }

        _leadership = leadership;
        KubernetesMetrics.LeadershipChanged(_options.Name, leads: true);
        LogLeads(_options.Identity, _options.Name, leadership.Epoch);
        try
        {
            return await LeadAsync(leadership, work, cancellationToken);
        }
        finally
        {
            _leadership = null;
            KubernetesMetrics.LeadershipChanged(_options.Name, leads: false);
        }
    }

    private async Task<Leadership> AcquireAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var sent = _time.GetTimestamp();
            var sentAt = _time.GetUtcNow();
            try
            {
                var epoch = await _lease.TryTakeAsync(cancellationToken);
                LoopActivity.Note(Loop, _time);
                SeeLeader();
                if (epoch is { } term)
                {
                    return new Leadership(term, sent, sentAt, _options.RenewDeadline, _time);
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                throw;
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                LogFailed(_options.Name, "take", Text(error));
            }

            await Task.Delay(Pause(_options.RetryPeriod, _lease.Left, Random.Shared.NextDouble()), _time, cancellationToken);
        }
    }

    /// <summary>Until one that waits looks again: twice as often as the holder renews, since the lease ends so long after its last renewal was seen.</summary>
    /// <param name="retry">Between renewals.</param>
    /// <param name="left">Until the lease is over; null: nobody's. One whose holder is gone is not slept through.</param>
    /// <param name="spread">0 to 1, at random, so that those who wait do not all ask at once.</param>
    internal static TimeSpan Pause(TimeSpan retry, TimeSpan? left, double spread)
    {
        var pause = retry / 2 * (1 + (0.2 * spread));
        return left < pause ? left.Value * 1.1 : pause;
    }

    private async Task<LeaderElectionOutcome> LeadAsync(
        Leadership leadership,
        Func<Leadership, Task> work,
        CancellationToken cancellationToken
    )
    {
        var running = Task.Run(() => work(leadership), CancellationToken.None);
        using var renewing = new CancellationTokenSource();
        var lost = RenewAsync(leadership, renewing.Token);
        await using var stop = cancellationToken.Register(() => _ = leadership.EndAsync());
        // Work that ended because its term ran out may be seen before the loop that renews has noticed.
        if (await Task.WhenAny(running, lost) == lost || !leadership.IsHeld)
        {
            await renewing.CancelAsync();
            await leadership.LoseAsync();
            LogLost(_options.Identity, _options.Name, leadership.Epoch);
            // Nobody waits for the work any more, so its failure must not surface as unobserved.
            _ = running.ContinueWith(static task => task.Exception, TaskScheduler.Default);
            return LeaderElectionOutcome.Lost;
        }

        await renewing.CancelAsync();
        await lost;
        await leadership.LoseAsync();
        await ReleaseAsync();
        leadership.Dispose();
        try
        {
            await running;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested) { }

        return cancellationToken.IsCancellationRequested ? LeaderElectionOutcome.Stopped : LeaderElectionOutcome.Completed;
    }

    /// <summary>Renews until the lease is lost, which is when it returns, or until cancelled.</summary>
    private async Task RenewAsync(Leadership leadership, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(_options.RetryPeriod, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested || !leadership.IsHeld)
            {
                return;
            }

            var sent = _time.GetTimestamp();
            var sentAt = _time.GetUtcNow();
            bool renewed;
            try
            {
                renewed = await _lease.RenewAsync(cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                LogFailed(_options.Name, "renew", Text(error));
                continue;
            }

            if (!renewed)
            {
                SeeLeader();
                return;
            }

            LoopActivity.Note(Loop, _time);
            if (!leadership.Renew(sent, sentAt))
            {
                return;
            }
        }
    }

    private async Task ReleaseAsync()
    {
        if (!_options.ReleaseOnStop)
        {
            return;
        }

        try
        {
            using var limit = new CancellationTokenSource(_options.RenewDeadline, _time);
            await _lease.ReleaseAsync(limit.Token);
            SeeLeader();
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            LogFailed(_options.Name, "release", Text(error));
        }
    }

    private void SeeLeader()
    {
        var holder = _lease.Holder;
        if (_leader == holder)
        {
            return;
        }

        _leader = holder;
        if (holder.Length > 0)
        {
            LeaderChanged?.Invoke(holder);
        }
    }

    // Whatever comes of a try, standing goes on: what an answer or a credential that is no good leads to, nobody can list. A leader that cannot renew ends
    // by its deadline, and by nothing else. What is nobody's fault but ours is told with its place.
    private static string Text(Exception error) =>
        error
            is KubernetesException
                or HttpRequestException
                or TimeoutException
                or IOException
                or InvalidDataException
                or Configuration.CredentialException
                or System.Text.Json.JsonException
            ? error.Message
            : error.ToString();

    [LoggerMessage(20, LogLevel.Information, "{Identity} leads {Lease}, term {Epoch}")]
    private partial void LogLeads(string identity, string lease, int epoch);

    [LoggerMessage(21, LogLevel.Error, "{Identity} has lost {Lease}, term {Epoch}")]
    private partial void LogLost(string identity, string lease, int epoch);

    [LoggerMessage(22, LogLevel.Warning, "Could not {Action} the lease {Lease}: {Error}")]
    private partial void LogFailed(string lease, string action, string error);
}

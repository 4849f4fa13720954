using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Configuration;

/// <summary>Checks and translates what <see cref="BackendFeatures"/> holds. Pure.</summary>
internal static class BackendFeatureCompiler
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    public static BackendFeatures Compile(string path, BackendConfig backend, ErrorList errors)
    {
        errors.Range($"{path}.slowStart", backend.SlowStart, TimeSpan.Zero, TimeSpan.FromHours(1));
        errors.Range($"{path}.drainTimeout", backend.DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(24));
        errors.Range($"{path}.retry.attempts", backend.Retry.Attempts, 1, 5);
        errors.Range($"{path}.retry.budgetPercent", backend.Retry.BudgetPercent, 0, 100);
        errors.Range($"{path}.retry.minRetriesPerSecond", backend.Retry.MinRetriesPerSecond, 0, 10_000);
        return new BackendFeatures
        {
            Retry = backend.Retry,
            Queue = Queue($"{path}.queue", backend, errors),
            Breaker = Breaker($"{path}.circuitBreaker", backend.CircuitBreaker, errors),
            AnswerTicks = backend.CircuitBreaker is { } breaker ? TimerWheel.Ticks(breaker.Timeout) : uint.MaxValue,
            BreakerScope = backend.CircuitBreaker?.Scope ?? default,
            Check = backend.ActiveHealth is { } check ? CheckCompiler.Compile($"{path}.activeHealth", check, errors) : null,
            SlowStartMicroseconds = (long)backend.SlowStart.TotalMicroseconds,
            Backup = backend.Backup,
            DrainMicroseconds = (long)backend.DrainTimeout.TotalMicroseconds,
            Socket = backend.Socket is { } socket ? SocketCompiler.Compile($"{path}.socket", socket, errors) : null,
        };
    }

    /// <summary>Backups are other backends of the config, one level deep: so there are no circles.</summary>
    public static void CheckBackups(IReadOnlyList<BackendConfig> backends, ErrorList errors)
    {
        var byName = backends.DistinctBy(backend => backend.Name).ToDictionary(backend => backend.Name);
        for (var i = 0; i < backends.Count; i++)
        {
            if (backends[i].Backup is not { } name)
            {
                continue;
            }

            var path = $"backends[{i}].backup";
            if (name == backends[i].Name)
            {
                errors.Add(path, "names the backend itself");
            }
            else if (!byName.TryGetValue(name, out var backup))
            {
                errors.Add(path, $"there is no backend '{name}'");
            }
            else if (backup.Backup is not null)
            {
                errors.Add(path, $"backend '{name}' has a backup itself; only one step is followed");
            }
        }
    }

    private static QueueLimits? Queue(string path, BackendConfig backend, ErrorList errors)
    {
        if (backend.Queue is not { } queue)
        {
            return null;
        }

        if (backend.MaxConnectionsPerEndpoint == 0)
        {
            errors.Add(path, "needs maxConnectionsPerEndpoint: without a limit nothing ever waits");
        }

        errors.Range($"{path}.maxLength", queue.MaxLength, 1, 100_000);
        errors.Range($"{path}.timeout", queue.Timeout, Shortest, TimeSpan.FromMinutes(10));
        return new QueueLimits(queue.MaxLength, TimerWheel.Ticks(queue.Timeout), queue.AbortOnClose);
    }

    private static BreakerLimits? Breaker(string path, CircuitBreakerConfig? breaker, ErrorList errors)
    {
        if (breaker is null)
        {
            return null;
        }

        errors.Range($"{path}.failureThreshold", breaker.FailureThreshold, 1, 1_000);
        errors.Range($"{path}.successThreshold", breaker.SuccessThreshold, 1, 100);
        errors.Range($"{path}.timeout", breaker.Timeout, Shortest, TimeSpan.FromMinutes(10));
        errors.Range($"{path}.resetTimeout", breaker.ResetTimeout, Shortest, TimeSpan.FromHours(1));
        return new BreakerLimits(
            breaker.FailureThreshold,
            breaker.SuccessThreshold,
            (long)breaker.Timeout.TotalMicroseconds,
            (long)breaker.ResetTimeout.TotalMicroseconds
        );
    }
}

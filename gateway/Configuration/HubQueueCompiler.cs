using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Queues;

namespace Mooring.Gateway.Configuration;

/// <summary>Checks the queues of a Hub's namespace. Pure.</summary>
internal static class HubQueueCompiler
{
    private const int MaxGroups = 8;

    public static void Check(string path, HubNamespaceConfig owner, ErrorList errors)
    {
        if (owner.Queue is not { } queue)
        {
            return;
        }

        if (owner.History is not null)
        {
            errors.Add($"{path}.history", "must not be set where there is a queue: jobs are kept until they are done");
        }

        var at = $"{path}.queue";
        errors.Range($"{at}.ackTimeout", queue.AckTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        errors.Range($"{at}.maxAttempts", queue.MaxAttempts, 1, 100);
        errors.Range($"{at}.minBackoff", queue.MinBackoff, TimeSpan.Zero, TimeSpan.FromHours(1));
        errors.Range($"{at}.maxBackoff", queue.MaxBackoff, queue.MinBackoff, TimeSpan.FromDays(1));
        errors.Range($"{at}.jobTtl", queue.JobTtl, TimeSpan.FromSeconds(1), TimeSpan.FromDays(30));
        errors.Range($"{at}.maxJobs", queue.MaxJobs, 1, 1_000_000);
        errors.Range($"{at}.maxDead", queue.MaxDead, 0, 100_000);
        if (queue.MaxBytes is < 1024 or > 1L << 30)
        {
            errors.Add($"{at}.maxBytes", $"is {queue.MaxBytes}; must be 1024 to 1073741824");
        }

        if (
            queue.Groups.Count is 0 or > MaxGroups
            || queue.Groups.Distinct(StringComparer.Ordinal).Count() != queue.Groups.Count
            || !queue.Groups.All(IsName)
        )
        {
            errors.Add($"{at}.groups", $"must be 1 to {MaxGroups} different names of 1 to 63 lower-case letters, digits and '-'");
        }
    }

    /// <summary>Of a config that was checked.</summary>
    public static QueueOptions? Compile(HubQueueConfig? queue) =>
        queue is null
            ? null
            : new QueueOptions
            {
                AckTimeout = queue.AckTimeout,
                MaxAttempts = queue.MaxAttempts,
                MinBackoff = queue.MinBackoff,
                MaxBackoff = queue.MaxBackoff,
                JobTtl = queue.JobTtl,
                MaxJobs = queue.MaxJobs,
                MaxBytes = queue.MaxBytes,
                MaxDead = queue.MaxDead,
                Groups = queue.Groups,
            };

    private static bool IsName(string? name) =>
        name is { Length: > 0 and <= 63 } && name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');
}

using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the queues of a Hub's namespace.</summary>
internal static class HubQueueRenderer
{
    public static HubQueueConfig? Render(HubQueueSpec? spec) =>
        spec is null
            ? null
            : new HubQueueConfig
            {
                AckTimeout = Duration.Parse(spec.AckTimeout),
                MaxAttempts = spec.MaxAttempts,
                MinBackoff = Duration.Parse(spec.MinBackoff),
                MaxBackoff = Duration.Parse(spec.MaxBackoff),
                JobTtl = Duration.Parse(spec.JobTtl),
                MaxJobs = spec.MaxJobs,
                MaxBytes = spec.MaxBytes,
                MaxDead = spec.MaxDead,
                Groups = spec.Groups,
            };
}

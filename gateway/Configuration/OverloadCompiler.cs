using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Configuration;

/// <summary>Checks an <see cref="OverloadConfig"/>.</summary>
internal static class OverloadCompiler
{
    public static void Check(OverloadConfig? config, ErrorList errors)
    {
        if (config is null)
        {
            return;
        }

        if (config.MemoryLimitBytes is not 0 and < OverloadConfig.LeastBytes)
        {
            errors.Add("overload.memoryLimitBytes", $"is {config.MemoryLimitBytes}; must be 0 or at least {OverloadConfig.LeastBytes}");
        }

        errors.Range("overload.shedAtPercent", config.ShedAtPercent, 50, 98);
        errors.Range("overload.pauseAtPercent", config.PauseAtPercent, Math.Clamp(config.ShedAtPercent + 1, 51, 99), 99);
    }
}

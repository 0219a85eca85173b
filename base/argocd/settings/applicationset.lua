-- Healthy only when every generated Application is, so that a sync wave waits for the one before.
local hs = {status = "Progressing", message = "waiting for the applications to be reported"}
local status = obj.status or {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "ErrorOccurred" and condition.status == "True" then
    return {status = "Degraded", message = condition.message}
  end
  if condition.type == "ResourcesUpToDate" and condition.status == "True" then
    hs.status = "Healthy"
    hs.message = condition.message
  end
end
for _, application in ipairs(status.resources or {}) do
  local health = application.health and application.health.status or "Missing"
  if application.status ~= "Synced" or health ~= "Healthy" then
    hs.status = health == "Degraded" and "Degraded" or "Progressing"
    hs.message = application.name .. " is " .. health .. ", " .. (application.status or "Unknown")
    return hs
  end
end
return hs
